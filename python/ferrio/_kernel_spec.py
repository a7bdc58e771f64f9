"""What ``python -m ferrio.kernel install`` writes. Imports ipykernel and jupyter_client."""

import os
import sys
import tempfile

from ipykernel import kernelspec
from jupyter_client.kernelspec import KernelSpecManager

# -P: see kernel.py. Without frozen modules, as ipykernel's own: the debugger steps into what is not frozen only.
_COMMAND = ["-Xfrozen_modules=off", "-P", "-m", "ferrio.kernel", "-f", "{connection_file}"]


def write_kernel_spec(name, display_name, user=False, prefix=None):
    """Write the kernelspec for this interpreter; return its directory.

    Logos and what else a kernelspec tells (debugger, protocol) are those of the ipykernel that is installed. Raises ValueError
    for a name that cannot be one, and OSError for a directory that cannot be written.
    """
    overrides = {"argv": [sys.executable, *_COMMAND], "display_name": display_name}
    with tempfile.TemporaryDirectory() as parent:
        directory = kernelspec.write_kernel_spec(os.path.join(parent, "spec"), overrides)
        return KernelSpecManager().install_kernel_spec(directory, kernel_name=name, user=user, prefix=prefix)
