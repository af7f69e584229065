"""Run posture as `python -m posture`."""

from posture.cli.main import run

if __name__ == "__main__":
    run()
