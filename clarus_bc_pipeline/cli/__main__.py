"""`python -m clarus_bc_pipeline.cli`: the command line, where the installed command is not at hand."""

from clarus_bc_pipeline.cli import app

app()
