// From the bytes of a DOWNLOAD to what the store integrates: inflating, checks E1 to E6 of
// wire-protocol.md 6.5, parsing. Pure, so that it can run on any thread.
#pragma once

#include <variant>

#include "client/store_job.hpp"

namespace realmsync::client {

// A Violation if the body is none of a DOWNLOAD, TooLarge if that would cost too much to find out,
// IntegrationFailed if a changeset in it is malformed.
std::variant<Integration, Violation, TooLarge, IntegrationFailed>
prepare(const ReceivedDownload& download);

} // namespace realmsync::client
