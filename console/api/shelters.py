"""Shelters as they stand, and what wardens and operators say of them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from console.api.documents import Note, Point, Title
from console.api.instant import Instant
from console.api.parameters import City, cities_of
from console.api.problem import responses
from console.doing import REASON
from console.gate import visitor_of
from console.sheltering import looks_after, own_shelter
from lifeline.clock import Clock
from lifeline.shelter import ShelterState, Standing
from lifeline.store import shelters
from lifeline.store.pool import Store

ShelterId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class ShelterDocument(BaseModel):
    """A shelter as it stands. `people` null: nobody has counted, which is not nobody inside."""

    shelter_id: str
    version: int
    city: str
    district: str
    name: Title
    position: Point
    grade: str
    heated: bool
    places: int | None = Field(description="in this season: none in the cold without heating; null: not known now")
    season: str | None
    mode: str
    state: str
    note: str
    people: int | None
    counted_at: datetime | None
    exposure: str

    @classmethod
    def of(cls, standing: Standing, now: datetime) -> "ShelterDocument":
        """The document of a shelter."""
        return cls(**fields(standing, now))


class StateRequest(BaseModel):
    """What the shelter is from now on; `version` as the person saw it."""

    model_config = ConfigDict(extra="forbid")
    state: ShelterState
    note: Note = ""
    version: int | None = Field(None, ge=0, le=2**31 - 1, strict=True)


class CountRequest(BaseModel):
    """How many people are inside, and when they were counted."""

    model_config = ConfigDict(extra="forbid")
    people: int = Field(ge=0, le=shelters.MOST_PEOPLE, strict=True)
    at: Instant | None = None


def router(store: Store, clock: Clock) -> APIRouter:
    """The addresses below /shelters."""
    routes = APIRouter(tags=["shelters"])

    @routes.get("/shelters", responses=responses())
    def listed(request: Request, city: City = None) -> list[ShelterDocument]:
        """All shelters by id; a warden sees his own."""
        cities, person = cities_of(request, city), visitor_of(request).person
        return [
            ShelterDocument.of(one, clock.now())
            for one in shelters.standings(store, city)
            if (cities is None or one.shelter.city_code in cities) and looks_after(person, one)
        ]

    @routes.get("/shelters/{shelter_id}", responses=responses(404))
    def one(request: Request, shelter_id: ShelterId) -> ShelterDocument:
        """One shelter."""
        return ShelterDocument.of(_mine(store, request, shelter_id), clock.now())

    @routes.post("/shelters/{shelter_id}/state", responses=responses(404, 409))
    def state(request: Request, shelter_id: ShelterId, body: StateRequest) -> ShelterDocument:
        """Opens, fills, closes a shelter, or says that it is unsafe."""
        _mine(store, request, shelter_id)
        who = visitor_of(request).person.name
        return ShelterDocument.of(
            shelters.set_state(
                store, shelter_id, body.state, who=who, now=clock.now(), reason=REASON, note=body.note,
                version=body.version,
            ),
            clock.now(),
        )  # fmt: skip

    @routes.post("/shelters/{shelter_id}/count", responses=responses(404, 409))
    def count(request: Request, shelter_id: ShelterId, body: CountRequest) -> ShelterDocument:
        """Notes how many people are inside."""
        _mine(store, request, shelter_id)
        who = visitor_of(request).person.name
        return ShelterDocument.of(
            shelters.count(store, shelter_id, body.people, who=who, now=clock.now(), counted_at=body.at),
            clock.now(),
        )

    def _mine(store: Store, request: Request, shelter_id: str) -> Standing:
        return own_shelter(store, shelter_id, person=visitor_of(request).person)

    return routes


def filled(standing: Standing, now: datetime) -> str:
    """People inside / how many it takes in this season; ? where that is not known."""
    held = standing.takes(now)
    return " / ".join("?" if one is None else str(one) for one in (standing.people, held))


def fields(standing: Standing, now: datetime) -> dict[str, Any]:
    """What a page or a program reads of a shelter."""
    shelter = standing.shelter
    return {
        "shelter_id": shelter.shelter_id, "version": standing.version, "city": shelter.city_code,
        "district": shelter.district, "name": Title(zh=shelter.name.zh, en=shelter.name.en),
        "position": Point(lon=shelter.position.lon, lat=shelter.position.lat), "grade": shelter.grade,
        "heated": shelter.heated, "places": standing.takes(now), "season": standing.season, "mode": standing.mode.value,
        "state": standing.state.value, "note": standing.note, "people": standing.people,
        "counted_at": standing.counted_at, "exposure": standing.exposure,
    }  # fmt: skip
