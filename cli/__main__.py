"""`python -m cli`, which `bin/waybill` runs."""

from cli.app import main

if __name__ == "__main__":
    main()
