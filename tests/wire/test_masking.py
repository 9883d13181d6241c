"""Both ways of masking are the same one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.masking import apply_mask, fastest, mask_in_python

keys = st.binary(min_size=4, max_size=4)


@given(st.binary(max_size=300), keys)
def test_python_and_c_mask_alike(data: bytes, key: bytes) -> None:
    assert mask_in_python(data, key) == apply_mask(data, key)


@given(st.binary(max_size=300), keys)
def test_masking_twice_gives_the_data_back(data: bytes, key: bytes) -> None:
    assert mask_in_python(mask_in_python(data, key), key) == data


def test_the_example_of_rfc_6455_5_7() -> None:
    assert mask_in_python(b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex("7f9f4d5158")


def test_c_is_used_where_it_is_installed_and_python_where_not() -> None:
    assert fastest() is not mask_in_python
    assert fastest("websockets.no_such_module") is mask_in_python
