"""ipykernel's application as ``python -m ferrio.kernel`` starts it. Imports ipykernel."""

import os
import sys

from ipykernel.kernelapp import IPKernelApp


class KernelApp(IPKernelApp):
    """`IPKernelApp`; a configuration of that name is for this one too."""

    def init_path(self):
        """Let cells import what lies beside the notebook, behind the stdlib, as IPython does.

        IPython 9.7 and later leave that out under -P. Ours is for the kernel's own imports, which have been made; one that
        the user has asked for holds for cells as well.
        """
        super().init_path()
        if "" in sys.path or self.ignore_cwd or os.environ.get("PYTHONSAFEPATH"):
            return
        names = [os.path.basename(entry) for entry in sys.path]
        packages = [index for index, name in enumerate(names) if name in ("site-packages", "dist-packages")]
        sys.path.insert(packages[0] if packages else 0, "")
