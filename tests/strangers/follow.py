"""Starts a run with a client that was generated from the description, and follows it.

    follow.py ADDRESS TOKEN DEPLOYMENT PARAMETERS

Prints its states and its result. Nothing in here knows how requests look.
"""

import json
import sys
import time

from orch import AuthenticatedClient
from orch.api.flow_runs import get_flow_run, list_flow_runs, list_states, start_flow_run
from orch.models import ProblemDocument, StartRun

DEADLINE = 60  # seconds

address, token, deployment, parameters = sys.argv[1:]
flow, name = deployment.split("/")
client = AuthenticatedClient(base_url=address, token=token, raise_on_unexpected_status=True)

body = StartRun(parameters=json.loads(parameters))
run = start_flow_run.sync(flow, name, client=client, body=body, idempotency_key="once")
again = start_flow_run.sync(flow, name, client=client, body=body, idempotency_key="once")
assert again.id == run.id, (run, again)

end = time.monotonic() + DEADLINE
while run.ended is None:
    assert time.monotonic() < end, run
    time.sleep(0.05)
    run = get_flow_run.sync(run.id, client=client)

for state in list_states.sync(run.id, client=client).items:
    print(state.type_ if isinstance(state.type_, str) else state.type_.value)
print(json.dumps(run.result))

found = list_flow_runs.sync(client=client, flow=[flow])
assert [it.id for it in found.items] == [run.id], found

wrong = StartRun(parameters={"nobody": 1})
problem = start_flow_run.sync(flow, name, client=client, body=wrong)
assert isinstance(problem, ProblemDocument), problem
assert problem.errors[0].pointer == "/parameters/nobody", problem
print(problem.hint)
