"""The option of every command that shows where an error comes from.

It stands alone because `detect doctor` must work where what stages need cannot be imported.
"""

import click

debug = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)
