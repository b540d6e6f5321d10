"""Save, reload, verify and compare TensorFlow models; independent of Streamlit.

The layers of imports
---------------------
Imports run strictly downward: nothing imports from a line above its own, whether at the top of a file, inside a
function or for types only, and no two modules import each other by any path. `tests/test_import_layers.py` reads the
sources and checks both:

    app, pages
    ui
    core.__main__
    core.cli
    core.adviser, core.report
    core.jobs
    core.introspection
    core.sweep, core.upgrade
    core.browser_runtimes, core.exports
    core.context
    core.compatibility, core.health, core.inputs, core.migration, core.size_breakdown, core.uploads
    core.environments, core.object_store, core.queue
    core.library
    core.copy_content, core.reload
    core.worker
    core.figures
    core.caching, core.readers, core.text, core.validation
    core.evidence
    core.break_it
    core.grading
    core.activations, core.demos, core.disagreement, core.formats, core.picture_similarity, core.record, core.sandbox
    core.environments.orbax, core.environments.pt2, core.environments.tfjs
    core.compare, core.error_translation, core.kept_process_lookup, core.runtimes, core.settings
    core.environments.base
    core.known_service_errors
    core.npm, core.registry, core.telemetry
    core.arrays, core.errors, core.known_converter_errors, core.known_errors, core.system, core.tensors, core.versions

Two more rules:

* Streamlit is never imported here.
* TensorFlow, Keras, h5py and every other model runtime are imported only inside functions that run in a child of
  the worker (or in a user's own notebook). Importing `core` and all of its packages loads none of them, so pages and
  commands are ready before any of them is loaded.
"""

__version__ = "0.1.0"
