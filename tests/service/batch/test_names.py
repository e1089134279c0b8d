"""Names that were seen."""

import os

from service.batch.names import Names


def test_a_name_is_new_once() -> None:
    with Names() as names, Names() as others:
        assert [names.add(name) for name in ("a", "b", "a", "")] == [True, True, False, True]
        assert names.add(os.fsdecode(b"\xff"))
        assert others.add("a"), "two sets know nothing of each other"
