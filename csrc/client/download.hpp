// From the bytes of a DOWNLOAD to what the store integrates: inflating, checks E1 to E6 of
// wire-protocol.md 6.5, parsing. Pure, so that it can run on any thread.
#pragma once

#include <variant>

#include "client/store_job.hpp"

namespace realmsync::client {

std::variant<Integration, IntegrationFailed> prepare(const ReceivedDownload& download);

} // namespace realmsync::client
