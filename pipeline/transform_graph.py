"""tf.Transform's graph of what prepare does to a row, made in one place from what was learned.

No row has a part in it, and no Beam: there is nothing left to analyse, so the function is traced
and saved as it is (`analyze_in_place`, which TFX calls in the same way).
"""

from pathlib import Path

from tensorflow_transform import impl_helper
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter

from pipeline import spec as specs
from pipeline import tensors
from pipeline.fields import Fields
from pipeline.learning import Learned
from pipeline.preprocessing import preprocessing_fn


def write(learned: Learned, spec: specs.Spec, fields: Fields, folder: Path) -> None:
    """Writes the transform graph into a folder of this machine."""
    impl_helper.analyze_in_place(
        preprocessing_fn(spec, learned),
        force_tf_compat_v1=False,
        feature_specs=None,
        type_specs=TensorAdapter(tensors.adapter_config(fields)).OriginalTypeSpecs(),
        transform_output_path=str(folder),
    )
