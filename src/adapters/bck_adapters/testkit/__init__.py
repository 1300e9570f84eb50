"""Contract suites and helpers for everybody who writes an adapter; needs the extra `testkit`."""

import pytest

_SUITES = ("contracts", "contracts_catalog", "contracts_queue", "contracts_stores", "machine_queue")

# So that a failed assertion in a suite shows its values, as one in a test does.
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in _SUITES))
