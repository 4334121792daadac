"""A Django project in one file, for test_django.py: its settings are made there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connections, transaction
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from rest_framework import exceptions, serializers, throttling
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from failwell.policy.quota import Window
from failwell.server import context
from failwell.server.django import idempotent, limited
from failwell.server.django.drf import idempotent as idempotent_method

CAUSE = "hunter2 at db.internal"
done: Counter[str] = Counter()
contract: Any = None
stores: dict[str, str] = {}


def caller(request: Any) -> str:
    said: str = request.META.get("HTTP_X_CALLER", "ann")
    return said


class Late:
    """A decorator that is made at its first use, when there is a contract."""

    def __init__(self, kind: Any = idempotent, db: str = "default", **settings: Any) -> None:
        self.made: Any = None
        self.kind, self.db, self.settings = kind, db, settings

    def __call__(self, view: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            if self.made is None:
                once = self.kind(contract, stores[self.db], caller=caller, **self.settings)
                self.made = once(view)
            return self.made(*args, **kwargs)

        return csrf_exempt(run)


def told(request: Any) -> Any:
    return JsonResponse({"id": context.request_id()})


async def atold(request: Any) -> Any:
    return JsonResponse({"id": context.request_id()})


@csrf_exempt
def boom(request: Any) -> Any:
    raise RuntimeError(CAUSE)


async def aboom(request: Any) -> Any:
    raise RuntimeError(CAUSE)


def fail(request: Any) -> Any:
    raise contract.fail("rate_limited", message="Slower", retry_after=1.2)


def missing(request: Any) -> Any:
    raise Http404("There is no such shelf")


def denied(request: Any) -> Any:
    raise PermissionDenied


def suspicious(request: Any) -> Any:
    raise SuspiciousOperation(CAUSE)


@csrf_exempt
def read(request: Any) -> Any:
    return JsonResponse({"size": len(request.body)})


def page(request: Any) -> Any:
    return HttpResponse(f"<html>{CAUSE}</html>", status=409)


def broken(request: Any) -> Any:
    def chunks() -> Any:
        yield b"one;"
        raise RuntimeError(CAUSE)

    return StreamingHttpResponse(chunks(), content_type=request.GET["as"])


def effect(tag: str, db: str) -> int:
    """One row for the tag; how many there are."""
    with connections[db].cursor() as cursor:
        cursor.execute("INSERT INTO effects (tag) VALUES (%s)", [tag])
        cursor.execute("SELECT count(*) FROM effects WHERE tag = %s", [tag])
        return int(cursor.fetchone()[0])


def served(asked: dict[str, Any]) -> Any:
    done[asked["tag"]] += 1
    match asked.get("do"):
        case "empty":
            return HttpResponse(status=204)
        case "stream":
            return StreamingHttpResponse((b"%d;" % n for n in range(3)), content_type="text/plain")
        case "fail":
            raise contract.fail(asked["code"], message="No")
        case "404":
            raise Http404("There is no such shelf")
        case "raise":
            raise RuntimeError(CAUSE)
    response = JsonResponse({"count": done[asked["tag"]]}, status=201)
    response["Location"] = "/api/orders/7"
    response.set_cookie("session", "secret")
    return response


@Late()
def order(request: Any) -> Any:
    return served(json.loads(request.body))


def committed(request: Any, db: str) -> Any:
    """Effect and answer in one transaction; what comes after it can go wrong."""
    asked = json.loads(request.body)
    done[asked["tag"]] += 1
    with transaction.atomic(using=db):
        count = effect(asked["tag"], db)
        if asked.get("do") == "raise before":
            raise RuntimeError(CAUSE)
        if asked.get("do") == "say nothing":
            context.idempotency().commit(connections[db], 204)
            return HttpResponse(status=204)
        context.idempotency().commit(connections[db], 201, {"count": count})
    if asked.get("do") == "raise after":
        raise RuntimeError(CAUSE)
    if asked.get("do") == "refuse after":
        return JsonResponse({"detail": CAUSE}, status=500)
    return JsonResponse({"count": count}, status=201)


@Late(transactional=True)
def order_in_sqlite(request: Any) -> Any:
    return committed(request, "default")


@Late(db="postgres", transactional=True)
def order_in_postgres(request: Any) -> Any:
    return committed(request, "postgres")


class Line(serializers.Serializer[Any]):
    quantity = serializers.IntegerField(min_value=1)
    unit = serializers.ChoiceField(choices=["box", "piece"])


class Order(serializers.Serializer[Any]):
    tag = serializers.CharField(max_length=40)
    password = serializers.RegexField(r"^\d+$", required=False)
    lines = Line(many=True, required=False)

    def validate(self, attrs: Any) -> Any:
        if attrs["tag"] == "forbidden":
            raise serializers.ValidationError("Not that one", code="taste")
        return attrs


class Orders(APIView):
    def post(self, request: Any) -> Any:
        return self.create(request)

    @method_decorator(Late(idempotent_method))
    def create(self, request: Any) -> Any:
        order = Order(data=request.data)
        order.is_valid(raise_exception=True)
        tag = order.validated_data["tag"]
        done[tag] += 1
        if tag == "raise":
            raise RuntimeError(CAUSE)
        return Response({"count": done[tag]}, status=201)


class Private(APIView):
    authentication_classes = (BasicAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Any) -> Any:
        return Response({})


class Never(throttling.BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 6.5


class Busy(APIView):
    throttle_classes = (Never,)

    def get(self, request: Any) -> Any:
        return Response({})


class Raising(APIView):
    def get(self, request: Any) -> Any:
        match request.GET["what"]:
            case "404":
                raise Http404("There is no such shelf")
            case "bug":
                raise RuntimeError(CAUSE)
            case "own":
                raise contract.fail("conflict", message="Sold out")
            case "api":
                raise exceptions.APIException(CAUSE)
        raise exceptions.PermissionDenied


async def aorder(request: Any) -> Any:
    asked = json.loads(request.body)
    if asked.get("do") == "await what is cancelled":
        done[asked["tag"]] += 1
        raise asyncio.CancelledError
    return served(asked)


def quota(contract: Any, store: str, **settings: Any) -> Any:
    return limited(contract, store, [Window(2, 60.0)], **settings)


@Late(quota, route="told")
def counted(request: Any) -> Any:
    return JsonResponse({})


async def acounted(request: Any) -> Any:
    global _acounted
    if _acounted is None:
        _acounted = quota(contract, stores["default"], caller=caller, route="atold")(atold)
    return await _acounted(request)


_acounted: Any = None


class Counted(APIView):
    @method_decorator(Late(quota, route="drf"))
    def get(self, request: Any) -> Any:
        return Response({})


async def aordered(request: Any) -> Any:
    global _aordered
    if _aordered is None:
        _aordered = idempotent(contract, stores["default"], caller=caller)(aorder)
    return await _aordered(request)


_aordered: Any = None


class Moody:
    """A middleware that fails by itself."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        if request.path == "/api/in-middleware":
            raise RuntimeError(CAUSE)
        if request.path == "/api/own-in-middleware":
            raise contract.fail("conflict", message="Sold out")
        response = self.get_response(request)
        response["Access-Control-Allow-Origin"] = "*"
        return response


def never(request: Any) -> Any:
    return HttpResponse("never")


urlpatterns = [
    path("api/told", told),
    path("api/atold", atold),
    path("api/boom", boom),
    path("api/aboom", aboom),
    path("api/fail", fail),
    path("api/missing", missing),
    path("api/denied", denied),
    path("api/suspicious", suspicious),
    path("api/read", read),
    path("api/page", page),
    path("api/post-only", require_POST(told)),
    path("api/csrf", csrf_protect(told)),
    path("api/broken", broken),
    path("api/in-middleware", never),
    path("api/own-in-middleware", never),
    path("api/orders/<str:_>", lambda request, _: order(request)),
    path("api/orders", order),
    path("api/aorders", csrf_exempt(aordered)),
    path("api/sqlite", order_in_sqlite),
    path("api/postgres", order_in_postgres),
    path("api/drf/orders", Orders.as_view()),
    path("api/drf/private", Private.as_view()),
    path("api/drf/busy", Busy.as_view()),
    path("api/drf/raising", Raising.as_view()),
    path("api/counted", counted),
    path("api/acounted", acounted),
    path("api/drf/counted", Counted.as_view()),
    path("pages/boom", boom),
]
