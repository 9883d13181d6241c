"""`python -m proxy`: the command `ocpptap`."""

from proxy.cli import main

if __name__ == "__main__":
    main()
