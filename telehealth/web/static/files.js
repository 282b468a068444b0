// The patient's page of photos and documents.

import { sendInPieces } from "./upload.js";

sendInPieces();
