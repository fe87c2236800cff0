"""The command line `dse`: one file per noun. Heavy libraries are imported inside the commands that need them."""


def main() -> None:
    """The console script."""
    from workbench.cli.app import main as run_the_program

    run_the_program()
