"""Kinds of columns, inputs and heads: everything about a kind is in its folder.

    kinds/columns/                       what a raw cell becomes: text, list, number, flag, date
    kinds/inputs/category/  sequence/ ...
    kinds/heads/classification/  ...     one small module a stage:
        spec.py       the settings, and which of them prepare depends on         pydantic
        prepare.py    what is read and learned from rows; features in Arrow      numpy, pyarrow
        graph.py      the same features in tf.Transform                          tensorflow
        network.py    vectors and losses                                         tensorflow, keras
        metrics.py    of a head: how good it is, and the baselines               numpy
        onnx.py       nodes of the exported file                                 onnx
        score.py      of a head: what comes out of the file                      numpy, pyarrow
        show.py       report, card, page, `ask`, `--infer`, made-up values       numpy, pyarrow
        page.js       of a head: what the page shows of its outputs (of a column type: TYPE.js)

A stage asks; `kinds/inputs/STAGE.py` and `kinds/heads/STAGE.py` hold the questions, or
`kinds/STAGE.py` where inputs and heads are asked the same, and the kinds' own modules of that name
the answers (see kinds.answers). No stage names a kind. A new kind is a
folder, and its name in KINDS of kinds/inputs or kinds/heads.
"""
