"""Saving, reloading, proving and comparing TensorFlow models, without a page in sight.

The law of imports
------------------
Imports run strictly downward; nothing imports from a line above its own, and `tests/test_walls.py` reads the
sources to hold it:

    app.py, pages
    ui
    core.__main__
    core.commands
    core.terminal
    core.kit, core.report
    core.jobs
    core.running
    core.work
    core.matrix
    core.judges
    core.health
    core.inputs
    core.library
    core.evidence
    core.worker
    core.figures, core.pictures
    core.words
    core.disagreement
    core.compare, core.layers, core.inspection, core.gate
    core.formats, core.demos
    core.explain, core.machine, core.packages, core.record, core.settings, core.undoing
    core.errors

Two more walls:

* Streamlit is never imported here.
* TensorFlow, Keras, h5py and every other model runtime are imported only inside functions that run in a child of
  the worker (or in a person's own notebook). Importing `core` and all of its rooms loads none of them, so a page
  paints and a command line answers before any of them is loaded.
"""

__version__ = "0.1.0"
