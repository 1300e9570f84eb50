"""Suites of `bck_adapters.testkit` are tests, though they are no files of this folder."""

import pytest

# So that a failed assertion in a suite shows its values, as one in a test does.
pytest.register_assert_rewrite(
    *(
        f"bck_adapters.testkit.{name}"
        for name in ("contracts_browse", "contracts_catalog", "contracts_queue", "contracts_stores")
    )
)
