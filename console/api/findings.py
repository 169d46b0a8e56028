"""What detectors said."""

from fastapi import APIRouter, Request

from console.api.documents import FindingDocument, Page
from console.api.parameters import Before, City, Id, Kind, Limit, cities_of, following, require_city
from console.api.problem import responses
from lifeline.errors import NotFoundError
from lifeline.store import views
from lifeline.store.pool import Store


def router(store: Store) -> APIRouter:
    """The addresses below /findings."""
    routes = APIRouter(tags=["findings"])

    @routes.get("/findings", responses=responses())
    def findings(
        request: Request,
        city: City = None,
        kind: Kind = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[FindingDocument]:
        """What detectors said, newest first, without area and explanation."""
        rows = views.findings(store, city=cities_of(request, city), kind=kind, before=before, limit=limit)
        return Page(
            items=[FindingDocument.model_validate(row) for row in rows],
            next=following(request, before=rows[-1]["finding_id"]) if len(rows) == limit else None,
        )

    @routes.get("/findings/{finding_id}", responses=responses(404))
    def finding(request: Request, finding_id: Id) -> FindingDocument:
        """One finding with its area and the numbers behind it."""
        row = views.finding(store, finding_id)
        if row is None:
            raise NotFoundError(f"there is no finding {finding_id}", advice="look at the list of findings")
        require_city(request, row["city_code"])
        return FindingDocument.model_validate(row)

    return routes
