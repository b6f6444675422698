"""Names of columns: the words in them, and what such words usually stand for."""

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")


def words(name: str) -> tuple[str, ...]:
    """
    >>> words("userId"), words("MGR_ID"), words("no of rooms 2")
    (('user', 'id'), ('mgr', 'id'), ('no', 'of', 'rooms', '2'))
    """
    return tuple(word.lower() for word in _WORDS.findall(name))


IDS = frozenset(
    words(
        """id ids uid uuid guid code codes key hash zip zipcode postcode plz postal phone iban isbn
        ean asin sku ip fips naics icd hs"""
    )
)
# "order_no" is an id and "no_of_rooms" a count: the place in the name decides.
_LAST_IDS = frozenset(("no", "nr", "num", "number"))
_FIRST_COUNTS = ("n", "num", "nb", "no", "number")
THINGS = frozenset(
    words(
        """user customer client member person patient student teacher player driver employee mgr
        manager author artist actor director item product article movie film book song track album
        video game app page site url domain station airport airline carrier city country region
        state store shop branch dept department vendor seller merchant supplier brand category
        subcategory type class kind group team club league account device session resource role
        zone sector district county campaign ad channel publisher query document doc hotel host
        school ward route model make job occupation industry word token tag label destination
        origin source target entity relation head tail node"""
    )
)
COUNTS = frozenset(
    words(
        """count counts cnt qty quantity visits clicks views likes votes children siblings rooms
        bedrooms bathrooms purchases orders goals calls claims accidents bikes riders passengers
        comments reviews downloads installs deaths births"""
    )
)
AMOUNTS = frozenset(
    words(
        """amount price cost fee fare salary income revenue sales profit age year years hours
        minutes minute seconds days months duration length width height weight depth size area
        distance speed temperature temp humidity pressure score points rating ratings stars rate
        ratio percent pct share total sum mean avg average max min median std lat latitude lon lng
        long
        longitude population rank balance carat mpg horsepower power quality grade value level
        delay elevation altitude magnitude volume mass bmi glucose cholesterol bp acceleration
        displacement budget tax tip bill"""
    )
)
_LONG_AMOUNTS = tuple(sorted(word for word in AMOUNTS if len(word) >= 5))
CALENDAR = frozenset(words("month weekday dow hour quarter week season"))
CLASSES = frozenset(
    words(
        """label labels target y class classes category type kind species digit cluster outcome
        segment answer result response"""
    )
)
TIMES = frozenset(words("time timestamp date datetime ts when created updated day epoch at on"))
# Beside these, what a time is of: an event, not a property of what the row is about.
EVENTS = frozenset(
    words(
        """event order purchase transaction pickup start started begin ended click visit booking
        request measured recorded observed logged sale sold posted rated played match game of utc"""
    )
)
# What is seen once or a few times and then never again.
VISITS = frozenset(
    words(
        """session visit document doc module file patient household basket cart order invoice trip
        thread conversation paragraph sentence episode subject participant recording"""
    )
)
# Lists of what happened one after the other, and lists in which the order means nothing.
HISTORIES = frozenset(
    words(
        """history histories items sequence sequences seq clicks clicked session sessions visited
        viewed watched played listened bought seen events pages steps path paths journey trail
        clickstream trajectory moves playlist log logs tokens prefix past recent stops"""
    )
)
SETS = frozenset(
    words(
        """tag tags genre genres label labels class classes category categories kind kinds type
        types topic topics keyword keywords skill skills ingredient ingredients language languages
        symptom symptoms actors cast author authors attributes features options flags colors colours
        interests hobbies amenities allergens equipment members countries"""
    )
)
# Whether something ended, and how long that took: as tables of survival have them.
ENDINGS = frozenset(
    words(
        "status event death died dead deceased cens censored censoring delta fustat failed failure"
    )
)
WAITED = frozenset(
    words("time futime followup survival survtime stime ttime days durat duration tenure lifetime")
)
SPLITS = frozenset(words("split side set subset fold folds partition part sample usage cv"))


def says_id(name: str) -> bool:
    """
    >>> [says_id(name) for name in ("movieId", "order_no", "zip code", "no_of_rooms", "idea")]
    [True, True, True, False, False]
    """
    found = words(name)
    return bool(IDS.intersection(found)) or (len(found) > 1 and found[-1] in _LAST_IDS)


def says_thing(name: str) -> bool:
    """
    >>> says_thing("user"), says_thing("users"), says_thing("ROLE_FAMILY")
    (True, False, True)
    """
    return bool((THINGS - CLASSES).intersection(words(name))) and not says_count(name)


def says_count(name: str) -> bool:
    """
    >>> [says_count(name) for name in ("num_items", "n_users", "children", "phone number", "N5")]
    [True, True, True, False, False]
    """
    found = words(name)
    numbered = len(found) > 1 and found[1].isdigit()
    is_first = len(found) > 1 and not numbered and found[0] in _FIRST_COUNTS
    return is_first or says(name, COUNTS)


def says_amount(name: str) -> bool:
    """
    >>> says_amount("price_usd"), says_amount("station")
    (True, False)
    """
    return says(name, AMOUNTS) or says_count(name)


def ends_in_amount(name: str) -> bool:
    """Whether a word ends in one of amounts that is long enough not to stand there by chance.

    >>> ends_in_amount("tvhours"), ends_in_amount("storage"), ends_in_amount("moderate")
    (True, False, False)
    """
    return any(word.endswith(_LONG_AMOUNTS) for word in words(name))


def says(name: str, of: frozenset[str]) -> bool:
    return bool(of.intersection(words(name)))
