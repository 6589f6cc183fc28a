"""Models as files that need no probvae, a TensorFlow SavedModel or ONNX, compared with the models themselves."""

from probvae.exporting import onnx_files, saved_model
from probvae.exporting.checking import Difference, differences
from probvae.exporting.signatures import Signature, signatures

__all__ = ["Difference", "Signature", "differences", "onnx_files", "saved_model", "signatures"]
