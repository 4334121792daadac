"""A bakery with one contract, on Django, in one file.

    pip install "failwell[django]"
    python examples/django/app.py

Then, in another terminal (the second one twice: the same key, one cake):

    curl -i localhost:8000/api/cakes/0
    curl -i localhost:8000/api/cakes -H "Idempotency-Key: k1" --json '{"size": 2}'
    curl -i localhost:8000/api/cakes -H "Idempotency-Key: k2" --json '{"size": 99}'
    failwell trace --since 1h --store sqlite:///bakery.db

In a project of many files: `MIDDLEWARE` belongs in the settings, `application` in `wsgi.py`.
"""

from __future__ import annotations

import json
import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.db import connection, transaction
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.problem import Problem
from failwell.model import Outcome
from failwell.server import context
from failwell.server.django import get_wsgi_application, idempotent

NOTHING = Outcome.NOT_STARTED
DATABASE = sys.argv[1] if len(sys.argv) > 1 else "bakery.db"

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["failwell.server.django.Failures"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATABASE,
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    },
)
django.setup()

BAKERY = Contract(
    name="bakery",
    dialect=Problem(),
    codes=(
        Code(code="bad_request", status=400, proves=NOTHING, means="The request is malformed"),
        Code(code="who", status=401, proves=NOTHING, means="Say who you are"),
        Code(code="not_found", status=404, proves=NOTHING, means="There is no such cake"),
        Code(code="conflict", status=409, means="This key cannot be used for that"),
        Code(code="too_big", status=422, proves=NOTHING, means="The oven takes 10 at most"),
        Code(code="oven", status=500, means="The oven is on fire"),
        Code(code="closed", status=503, means="The bakery is closed for now"),
    ),
    idempotency=Idempotency(keys="required"),
    request_ids=RequestIds(accepts=True),
)

once = idempotent(
    BAKERY,
    f"sqlite:///{DATABASE}",
    caller=lambda request: request.headers.get("X-Customer", "anybody"),
    transactional=True,
)


@require_GET
def cake(request: HttpRequest, number: int) -> JsonResponse:
    """A cake that was baked, or the contract's 404: Django's own exception does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM cakes WHERE id = %s", [number])
        found = cursor.fetchone()
    if found is None:
        raise Http404("There is no such cake")
    return JsonResponse({"id": number, "size": found[0]})


@require_POST
@once
def bake(request: HttpRequest) -> JsonResponse:
    """One cake for each key: the cake and the answer are written in one transaction, so that
    `kill -9` at any instant leaves both or none."""
    size = json.loads(request.body)["size"]
    if size > 10:
        raise BAKERY.fail("too_big")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO cakes (size) VALUES (%s)", [size])
        answer = {"id": cursor.lastrowid, "size": size}
        context.idempotency().commit(connection, 201, answer)
    if size == 7:
        raise RuntimeError("the oven caught fire after the cake was made")
    return JsonResponse(answer, status=201)


urlpatterns = [path("api/cakes", bake), path("api/cakes/<int:number>", cake)]
application = get_wsgi_application(BAKERY, journal=f"sqlite:///{DATABASE}", paths=["/api/"])

if __name__ == "__main__":
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS cakes (id INTEGER PRIMARY KEY, size INTEGER)")
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    make_server("127.0.0.1", port, application).serve_forever()
