"""An engine whose package is not there."""

MODULES = ("a_package_that_nobody_has",)
DISTRIBUTIONS = ()


def load(kit):
    raise AssertionError
