"""Products of the vectors of inputs, of real or complex numbers.

With a head that is tied to the table of one factor, the logits are those of DistMult (Yang et al.
2015, arXiv:1412.6575) or ComplEx (Trouillon et al. 2016, arXiv:1606.06357, equation 9).
"""

from collections.abc import Mapping, Sequence
from functools import reduce

import keras
from keras import layers, ops

from pipeline.failures import Exit, Failure
from pipeline.spec import Product

Vectors = Mapping[str, keras.KerasTensor]


def product_of(name: str, product: Product, vectors: Vectors) -> keras.KerasTensor:
    """[..., width] of each factor to [..., width]. Raises Failure 2 for widths that do not go
    together."""
    factors = [vectors[factor] for factor in product.of]
    _check_widths(name, product, [int(factor.shape[-1]) for factor in factors])
    if product.dropout > 0:
        drop = layers.Dropout(product.dropout, name=f"{name}.dropout")
        factors = [drop(factor) for factor in factors]
    return reduce(FORMS[product.form], factors)


def _check_widths(name: str, product: Product, widths: Sequence[int]) -> None:
    rule = None
    if len(set(widths)) > 1:
        rule = "the vectors must have one width"
    elif product.form == "complex" and widths[0] % 2:
        rule = "the vectors must have an even width, half of it for imaginary parts"
    if rule:
        received = ", ".join(f"{n} {width}" for n, width in zip(product.of, widths, strict=True))
        raise Failure(Exit.USAGE, f"products.{name}: {rule}", received=received)


def _complex(one: keras.KerasTensor, other: keras.KerasTensor) -> keras.KerasTensor:
    """Of vectors whose halves are real and imaginary parts."""
    (a, b), (c, d) = (ops.split(part, 2, axis=-1) for part in (one, other))
    return ops.concatenate([a * c - b * d, a * d + b * c], axis=-1)


FORMS = {"real": ops.multiply, "complex": _complex}
