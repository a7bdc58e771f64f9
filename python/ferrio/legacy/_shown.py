"""What is put in a function's place shows itself as that function, but for its signature."""

import functools


def shown_as(stock):
    """A decorator: name and documentation of `stock`; `inspect.signature` gives the function's own, with what it takes besides."""

    def decorate(function):
        functools.update_wrapper(function, stock)
        del function.__wrapped__
        return function

    return decorate
