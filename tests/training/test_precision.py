"""The precision that "auto" is, by the processor and the networks."""

import pytest
import tensorflow as tf

from probvae.training import faster_precision, precision

FLAGS = "processor\t: 0\nvendor_id\t: Made up\nflags\t\t: fpu sse2 {}\n\nprocessor\t: 1\nflags\t\t: fpu\n"


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """Sets the features of this machine's processor; None where the system does not list them."""

    def has(features):
        file = tmp_path / "cpuinfo"
        if features is not None:
            file.write_text(FLAGS.format(features))
        monkeypatch.setattr(precision, "PROCESSOR", file)

    return has


@pytest.mark.parametrize(
    ("features", "convolutions", "expected", "reason"),
    [
        ("avx512_bf16", True, "mixed_bfloat16", "the processor has avx512_bf16"),
        ("avx512_bf16 amx_bf16", True, "mixed_bfloat16", "the processor has amx_bf16 and avx512_bf16"),
        ("avx512_bf16 amx_bf16", False, "float32", "slower without convolutions"),
        ("avx512f", True, "float32", "not known to multiply bfloat16"),
        (None, True, "float32", "not known to multiply bfloat16"),
    ],
)
def test_bfloat16_is_for_convolutions_where_the_processor_multiplies_it(
    features, convolutions, expected, reason, processor
):
    processor(features)
    found, why = faster_precision(convolutions)
    assert found == expected
    assert reason in why


def test_nothing_is_assumed_of_gpus(processor, monkeypatch):
    processor("amx_bf16")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["/device:GPU:0"])
    assert faster_precision(True) == ("float32", "bfloat16 has not been measured on GPUs")
