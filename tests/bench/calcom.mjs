// Calls cal.com's own slot code, as the npm package @calcom/platform-libraries ships it.
//
// usage: node calcom.mjs DIRECTORY < request.json > answer.json
// DIRECTORY holds node_modules with the package, dayjs and zod. Instants are minutes since the epoch, times of day are
// minutes since local midnight, weekdays are ISO's 1 (Monday) to 7.
//
// The package bundles the whole product; what it imports beside dayjs and zod (mail, payments, calendars) is not needed
// to compute slots and is answered here with an inert stand-in. `getSlots` is private to its bundle: the one line added
// to the bundle while it is loaded exports it. Every function that is timed is theirs, unchanged.
import { readFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

const root = join(process.argv[2], "node_modules", "@calcom", "platform-libraries", "dist");
const require = createRequire(join(root, "slots.cjs"));

function inert() {
  return new Proxy(function () {}, {
    get: (_, name) => (name === Symbol.toPrimitive ? () => "" : name === "prototype" ? {} : inert()),
    apply: () => inert(),
    construct: () => inert(),
  });
}

function standInForWhatIsMissing() {
  const load = Module._load;
  Module._load = (request, ...rest) => {
    try {
      return load(request, ...rest);
    } catch (error) {
      if (error.code === "MODULE_NOT_FOUND" && !request.startsWith(".")) return inert();
      throw error;
    }
  };
  const compile = Module.prototype._compile;
  Module.prototype._compile = function (source, path) {
    const more = path.endsWith("slots.cjs") ? "\nexports.getSlots = getSlots$1; exports.dateRanges = dateRanges;" : "";
    return compile.call(this, source + more, path);
  };
}

standInForWhatIsMissing();
const { getSlots, dateRanges } = require("./slots.cjs");
const { buildDateRanges, subtract } = dateRanges;
const dayjs = require("dayjs");
const at = (minute) => dayjs.utc(minute * 60000);
const toMinute = (moment) => moment.valueOf() / 60000;
const timeOfDay = (minute) => new Date(minute * 60000);

function schedule({ zone, windows }) {
  const availability = windows.map(([weekday, start, end]) => ({
    days: [weekday % 7],
    startTime: timeOfDay(start),
    endTime: timeOfDay(end),
  }));
  return { availability, timeZone: zone, travelSchedules: [] };
}

function openRanges(given, from, to) {
  return buildDateRanges({ ...schedule(given), dateFrom: at(from), dateTo: at(to) }).dateRanges;
}

// As getUserAvailability does it: a booking blocks its own buffers and those of the visit that would stand beside it.
function slots(given, { visit, from, to }) {
  const buffers = visit.buffer_before + visit.buffer_after;
  const busy = given.visits.map(([start, end]) => ({ start: at(start - buffers), end: at(end + buffers) }));
  return getSlots({
    inviteeDate: at(from).tz("UTC"),
    eventLength: visit.minutes,
    frequency: visit.grid,
    minimumBookingNotice: 0,
    dateRanges: subtract(openRanges(given, from, to), busy),
  });
}

function grids(request) {
  const seconds = [];
  let found = [];
  for (let round = 0; round < request.rounds; round++) {
    const begun = performance.now();
    found = request.clinicians.map((given) => slots(given, request));
    seconds.push((performance.now() - begun) / 1000);
  }
  return { seconds, starts: found.map((each) => each.map((slot) => toMinute(slot.time))) };
}

function windows(request) {
  const ranges = (given) => openRanges(given, given.from, given.to);
  return { open: request.windows.map((given) => ranges(given).map((r) => [toMinute(r.start), toMinute(r.end)])) };
}

const request = JSON.parse(readFileSync(0, "utf8"));
const answer = JSON.stringify(request.windows ? windows(request) : grids(request));
process.on("unhandledRejection", () => {}); // the bundle's database client, which finds no database here
process.stdout.write(answer, () => process.exit(0));
