"""For authors of adapters: contract suites every implementation of a port must pass, and their tools.

The suites assert with plain ``assert``; a test package that wants detailed failures calls
``pytest.register_assert_rewrite("bck_adapters.testkit.contracts")`` before it imports them.
"""
