"""CloudEvents' own package for Python writes events in each form and sends them to a server. Arguments: the address, a token of a producer."""

import json
import sys
from datetime import datetime, timezone

import httpx
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

address, token = sys.argv[1:]
client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"})


def event(number, data, **attributes):
    given = {
        "id": str(number),
        "source": "/shop/böxes",
        "type": "shop.order.placed",
        "time": datetime(2026, 1, 5, 9, number, tzinfo=timezone.utc),
        "datacontenttype": "application/json",
        "subject": 'order "7" 100%',
    }
    return CloudEvent({**given, **attributes}, data)


def send(path, headers, body):
    answer = client.post(path, headers=headers, content=body)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()["position"]


def send_message(path, message):
    return send(path, message.headers, message.body)


position = send_message("/v1/topics/orders", to_binary_event(event(1, {"amount": "20.00"})))
position = send_message("/v1/topics/orders", to_structured_event(event(2, {"amount": 7.5})))
batch = [json.loads(to_structured_event(event(number, {"amount": number})).body) for number in (3, 4)]
position = send("/v1/topics/orders", {"Content-Type": "application/cloudevents-batch+json"}, json.dumps(batch))
# The same event once more, as a sender does that got no answer.
position = send_message("/v1/topics/orders", to_structured_event(event(4, {"amount": 4})))
position = send_message("/v1/events", to_binary_event(event(5, {"amount": 5}, topic="orders")))
text = event(6, "a note", topic="orders", datacontenttype="text/plain")
position = send_message("/v1/events", to_structured_event(text))
refused = client.post("/v1/events", headers=to_binary_event(event(7, {})).headers, content=b"{}")
assert refused.status_code == 422 and refused.json()["field"] == "topic", refused.text
print(position)
