"""Queues and topics lose nothing, and take messages from where they should alone."""

from __future__ import annotations

import json
from typing import Any

from tests.template.resources import Resources, of_type, target
from waybill.dispatch import CLAIM
from waybill.lanes import LAST_SECONDS
from waybill.notifications import TYPES

BATCHES = {"RefreshFunction": (50, 1)}
"""Messages, and seconds in which they are collected, without which Lambda takes no more than ten. The others' are (10, 0)."""
FED = {
    "RefreshFunction": {"RefreshQueue"},
    "FanoutFunction": {"FanoutQueue"},
    "WebhookFunction": {"WebhookQueue", "SlowWebhookQueue"},
    "MailFunction": {"MailQueue"},
    "SuppressionFunction": {"MailFeedbackQueue"},
}
LEAST_CONCURRENCY = 2
"""Less is refused by Lambda."""


def streams(resources: Resources) -> list[dict[str, Any]]:
    """The mappings from a stream to a function."""
    mappings = [each["Properties"] for each in of_type(resources, "AWS::Lambda::EventSourceMapping").values()]
    return [each for each in mappings if "StartingPosition" in each]


def test_every_queue_is_encrypted_and_has_a_dead_letter_queue_that_somebody_watches(
    resources: Resources, alarms: Resources
) -> None:
    queues = {name: each["Properties"] for name, each in of_type(resources, "AWS::SQS::Queue").items()}
    dead = {
        target(each["RedrivePolicy"]["deadLetterTargetArn"])
        for each in queues.values()
        if "RedrivePolicy" in each
    }
    watched = {
        target(alarm["Dimensions"][0]["Value"])
        for alarm in alarms.values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert dead
    dead |= {target(each["DestinationConfig"]["OnFailure"]["Destination"]) for each in streams(resources)}
    assert dead == watched == {name for name, each in queues.items() if "RedrivePolicy" not in each}
    for name, each in queues.items():
        assert each["SqsManagedSseEnabled"] is True, name
        if name in dead:
            assert each["MessageRetentionPeriod"] == 14 * 86_400, "as long as SQS keeps anything"


def test_a_queue_hides_a_message_for_six_time_outs_of_its_function_and_hears_of_single_failures(
    resources: Resources, functions: Resources
) -> None:
    mappings = [
        each["Properties"]
        for each in of_type(resources, "AWS::Lambda::EventSourceMapping").values()
        if target(each["Properties"]["EventSourceArn"]) in of_type(resources, "AWS::SQS::Queue")
    ]
    fed = [(target(each["FunctionName"]), target(each["EventSourceArn"])) for each in mappings]
    assert sorted(fed) == sorted((function, queue) for function, queues in FED.items() for queue in queues)
    for mapping in mappings:
        queue = resources[target(mapping["EventSourceArn"])]["Properties"]
        window = mapping.get("MaximumBatchingWindowInSeconds", 0)
        assert (
            queue["VisibilityTimeout"] >= 6 * functions[target(mapping["FunctionName"])]["Timeout"] + window
        )
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        batch = (mapping["BatchSize"], window)
        assert batch == BATCHES.get(target(mapping["FunctionName"]), (10, 0))
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
        dead = resources[target(queue["RedrivePolicy"]["deadLetterTargetArn"])]["Properties"]
        assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"], "it keeps the age it had"


def test_a_parcel_is_left_to_its_worker_for_longer_than_its_message_is_tried(
    resources: Resources, functions: Resources
) -> None:
    queue = resources["RefreshQueue"]["Properties"]
    tried = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert CLAIM > tried > queue["VisibilityTimeout"] > functions["RefreshFunction"]["Timeout"]
    assert functions["RefreshFunction"]["Timeout"] > LAST_SECONDS, "or no call would ever begin"


def test_work_is_throttled_at_its_source_and_only_waiting_readers_have_processes_of_their_own(
    source: dict[str, Any], functions: Resources
) -> None:
    for name in FED:
        events = source["Resources"][name]["Properties"]["Events"].values()
        for event in [each["Properties"] for each in events if each["Type"] == "SQS"]:
            at_once = event["ScalingConfig"]["MaximumConcurrency"]
            least = source["Parameters"][at_once["Ref"]]["MinValue"] if isinstance(at_once, dict) else at_once
            assert least >= LEAST_CONCURRENCY, name
    reserved = {
        name: each["ReservedConcurrentExecutions"]
        for name, each in functions.items()
        if "ReservedConcurrentExecutions" in each
    }
    nothing = {"Ref": "AWS::NoValue"}
    assert reserved == {
        "EventsFunction": {"Fn::If": ["ReservesForEvents", {"Ref": "EventsConcurrency"}, nothing]}
    }
    assert source["Conditions"]["ReservesForEvents"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "EventsConcurrency"}, 0]}]
    }
    defaults = {name: parameter["Default"] for name, parameter in source["Parameters"].items()}
    assert defaults["LongPolls"] < defaults["EventsConcurrency"], "who waits leaves room for who does not"


# ---- The stream


def test_a_record_that_fails_holds_up_no_other_for_long_and_is_not_lost_in_silence(
    resources: Resources,
) -> None:
    assert {target(each["FunctionName"]) for each in streams(resources)} == {"PublishFunction"}
    for mapping in streams(resources):
        assert mapping["BisectBatchOnFunctionError"] is True
        assert 0 < mapping["MaximumRetryAttempts"] <= 10, "without a bound, a shard stands still for a day"
        assert 60 <= mapping["MaximumRecordAgeInSeconds"] <= 86_400
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert (
            resources[target(mapping["DestinationConfig"]["OnFailure"]["Destination"])]["Type"]
            == "AWS::SQS::Queue"
        )


def test_the_publisher_is_woken_by_births_into_the_outbox_alone(resources: Resources) -> None:
    (mapping,) = streams(resources)
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["TrackingTable", "StreamArn"]}
    assert mapping["StartingPosition"] == "TRIM_HORIZON", (
        "what is born before the mapping is there is told, too"
    )
    (rule,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(rule["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"unpublished": {"S": [{"exists": True}]}}},
    }


# ---- Topics


def test_a_queue_takes_messages_from_the_topic_that_it_is_subscribed_to_and_from_no_other(
    resources: Resources,
) -> None:
    subscriptions = [each["Properties"] for each in of_type(resources, "AWS::SNS::Subscription").values()]
    fed = {
        target(each["Endpoint"]): target(each["TopicArn"])
        for each in subscriptions
        if each["Protocol"] == "sqs"
    }
    assert fed == {"FanoutQueue": "NotificationTopic", "MailFeedbackQueue": "MailFeedbackTopic"}
    assert all(each["RawMessageDelivery"] is True for each in subscriptions if each["Protocol"] == "sqs")
    policies = {
        target(queue): each["Properties"]["PolicyDocument"]["Statement"]
        for each in of_type(resources, "AWS::SQS::QueuePolicy").values()
        for queue in each["Properties"]["Queues"]
    }
    assert policies.keys() == fed.keys()
    for queue, (statement,) in policies.items():
        assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
        assert (statement["Action"], target(statement["Resource"])) == ("sqs:SendMessage", queue)
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": fed[queue]}}}


def test_what_happens_to_parcels_is_encrypted_and_ses_can_reach_its_topic(resources: Resources) -> None:
    topics = {name: each["Properties"] for name, each in of_type(resources, "AWS::SNS::Topic").items()}
    assert {name for name, each in topics.items() if "KmsMasterKeyId" in each} == {"NotificationTopic"}
    assert topics.keys() == {"NotificationTopic", "MailFeedbackTopic", "AlarmTopic"}
    (policy,) = of_type(resources, "AWS::SNS::TopicPolicy").values()
    assert policy["Properties"]["Topics"] == [{"Ref": "MailFeedbackTopic"}]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sns:Publish", {"Ref": "MailFeedbackTopic"})
    assert "MailConfigurationSet" in statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]


def test_ses_reports_what_has_to_stop_further_mail(resources: Resources) -> None:
    (reporting,) = of_type(resources, "AWS::SES::ConfigurationSetEventDestination").values()
    properties = reporting["Properties"]
    assert target(properties["ConfigurationSetName"]) == "MailConfigurationSet"
    assert properties["EventDestination"]["Enabled"] is True
    assert set(properties["EventDestination"]["MatchingEventTypes"]) == {"BOUNCE", "COMPLAINT"}
    assert target(properties["EventDestination"]["SnsDestination"]["TopicARN"]) == "MailFeedbackTopic"


def test_an_operator_gets_e_mail_of_the_types_that_it_wants_where_an_address_is_given(
    source: dict[str, Any], resources: Resources
) -> None:
    subscription = resources["NotificationEmailSubscription"]
    assert subscription["Condition"] == "HasNotificationEmail"
    assert subscription["Properties"]["Protocol"] == "email"
    assert subscription["Properties"]["FilterPolicy"] == {"type": {"Ref": "NotificationEmailEvents"}}
    wanted = source["Parameters"]["NotificationEmailEvents"]["Default"].split(",")
    assert set(wanted) <= set(TYPES)
    assert source["Parameters"]["NotificationEmail"]["Default"] == ""


def test_a_region_without_ses_takes_the_template(source: dict[str, Any], resources: Resources) -> None:
    """Whatever is of SES, or speaks of it, is there on the condition that SES is."""
    regions = {each["Fn::Equals"][1] for each in source["Conditions"]["HasSes"]["Fn::Not"][0]["Fn::Or"]}
    assert {"cn-north-1", "cn-northwest-1", "ap-east-1"} == regions
    of_ses = {name for name, each in resources.items() if each["Type"].startswith("AWS::SES::")}
    assert of_ses
    for name, each in resources.items():
        if name in of_ses or (each["Type"] == "AWS::SNS::TopicPolicy" and "MailFeedback" in name):
            assert each["Condition"] == "HasSes", name
        else:
            assert not of_ses & outside_of_conditions(each), name


def outside_of_conditions(value: Any) -> set[str]:
    """The resources that a part of the template refers to in any case."""
    match value:
        case {"Fn::If": _}:
            return set()
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case dict():
            return set().union(*map(outside_of_conditions, value.values()))
        case list():
            return set().union(*map(outside_of_conditions, value))
    return set()


def test_lambda_takes_no_message_that_comes_back_for_a_loop(functions: Resources) -> None:
    """It drops what has passed a function some sixteen times by a queue, but for functions that are meant to do that."""
    own = {name for name, queues in FED.items() if queues & sent_to(functions[name])}
    assert own == {"FanoutFunction", "WebhookFunction"}
    assert {name for name, each in functions.items() if each.get("RecursiveLoop") == "Allow"} == own


def sent_to(function: dict[str, Any]) -> set[str]:
    """The queues whose address a function is given."""
    return {each["Ref"] for each in function["Environment"]["Variables"].values() if "Ref" in each}


def test_the_dispatch_runs_every_minute_and_ends_before_the_next_begins(
    resources: Resources, functions: Resources
) -> None:
    (rule,) = of_type(resources, "AWS::Events::Rule").values()
    assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert [target(each["Arn"]) for each in rule["Properties"]["Targets"]] == ["DispatchFunction"]
    assert functions["DispatchFunction"]["Timeout"] < 60
