// How probable yes is.
([[share]]) => element("p", null, element("strong", percent(share)), bar(share))
