"""How state machines are run: their steps are drawn from a number, and the same number draws the same."""

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine


def run_state_machine(machine: type[RuleBasedStateMachine], examples: int, steps: int, number: int = 0) -> None:
    """Run so many examples of a machine, of at most so many steps each. Raises what one of its checks raises."""
    seed(number)(machine)
    machine.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase().runTest()
