"""The Jupyter kernel that runs on ferrio.

``python -m ferrio.kernel install`` tells Jupyter of it; Jupyter then starts it as ``python -m ferrio.kernel -f FILE``. It is
ipykernel, whose loops are ferrio's, and a cell may run the loop it runs on: `loop.run_until_complete` and `asyncio.run` work
there as in a program. ipykernel is not among ferrio's requirements: it is needed, and imported, only here.
"""

import argparse
import os
import sys

__all__ = ("main",)

_NAME = "ferrio"
_DISPLAY_NAME = "Python 3 (ferrio)"


def main() -> None:
    """Do what the command line says: ``install`` the kernel, or be one (everything else goes to ipykernel)."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["install"]:
        _install(arguments[1:])
    else:
        _be_a_kernel()


def _be_a_kernel():
    _leave_the_notebooks_directory()
    try:
        from ._kernel_app import KernelApp
    except ModuleNotFoundError as error:
        _refuse_without(error)
    from ._install import install
    from ._nested import allow_nested

    # Before ipykernel makes its loops: the one of the cells, and those of its own threads.
    install()
    allow_nested()
    KernelApp.launch_instance()


def _leave_the_notebooks_directory():
    """As ipykernel's launcher: a file beside the notebook must not stand in for a module that the kernel needs.

    Under -P, which our kernelspec has for what is imported before this line, the directory is not there to begin with.
    """
    if not sys.flags.safe_path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]


def _install(arguments):
    options = _parser().parse_args(arguments)
    try:
        from ._kernel_spec import write_kernel_spec
    except ModuleNotFoundError as error:
        _refuse_without(error)
    try:
        directory = write_kernel_spec(options.name, options.display_name, user=options.user, prefix=options.prefix)
    except ValueError as error:
        _refuse(str(error))
    except PermissionError as error:
        _refuse(f"{error}\nwithout --user the kernel is installed for everybody who uses this computer")
    print(f"Installed kernelspec {options.name} in {directory}")


def _parser():
    about = "Tell Jupyter of the kernel that runs on ferrio."
    parser = argparse.ArgumentParser("python -m ferrio.kernel install", description=about)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user; the default is everybody who uses this computer")
    where.add_argument("--prefix", help="into PREFIX/share/jupyter/kernels")
    where.add_argument(
        "--sys-prefix", action="store_const", const=sys.prefix, dest="prefix", help="into this virtual or conda environment"
    )
    parser.add_argument("--name", default=_NAME, help="what Jupyter calls it (default: %(default)s)")
    parser.add_argument("--display-name", default=_DISPLAY_NAME, help="what the menus say (default: %(default)s)")
    return parser


def _refuse_without(error):
    """The kernel cannot be had without a module that is missing; a broken ipykernel is told as it is."""
    if error.name not in ("ipykernel", "IPython", "jupyter_client", "tornado", "zmq", "traitlets"):
        raise error
    _refuse(f"the kernel needs {error.name}, which is not installed: {sys.executable} -m pip install ipykernel")


def _refuse(problem):
    sys.exit(f"python -m ferrio.kernel: {problem}")


if __name__ == "__main__":
    main()
