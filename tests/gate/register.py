"""All bad inputs: whoever imports them from here has them from every module that makes some."""

from tests.gate import makers_files, makers_graphs, makers_h5, makers_runtimes
from tests.gate.makers import BAD_INPUTS

MAKERS = (makers_files, makers_h5, makers_graphs, makers_runtimes)

__all__ = ["BAD_INPUTS", "MAKERS"]
