"""Journeylab without installing it: `python run_sim.py --help`."""

from simulator.cli import main

if __name__ == "__main__":
    main()
