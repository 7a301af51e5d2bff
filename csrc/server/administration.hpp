// What an operator asks of the storage of an app while it is served, and what comes of it
// (server-behaviour.md 12, app-configuration.md 4.3, 7.7, 10.2). Sent through the app's writer, so
// that nothing else is being stored meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace realmsync::server {

// What clients are told; apps search for the first.
inline constexpr const char* kBreakingSchema = "breaking schema change applied";
inline constexpr const char* kResetByOperator =
    "Bad client file identifier (IDENT): the operator has reset this client file.";

// Schemas are changesets of AddTable and AddColumn.
struct InstallSchema { // adds to what is there
    std::string changeset;
};
// The same, and what contradicts it or is not in it goes, with its data: all client files are reset
// then. `is_announced`: their sessions have ended.
struct ReplaceSchema {
    std::string changeset;
    bool is_announced = false;
};
struct ReadSchema {};
struct ForceReset { // a client file
    std::uint64_t file_ident = 0;
};
struct Terminate { // histories begin anew with the objects that there are; no client file is known
    bool is_announced = false;
};
using Administration =
    std::variant<InstallSchema, ReplaceSchema, ReadSchema, ForceReset, Terminate>;

struct AdministrationResult {
    bool is_done = true; // else it is to be run again, for the rest
    // Nothing is done yet: all client files are going to be reset, and their sessions end first.
    bool needs_announcement = false;
    bool has_begun_anew = false;   // all histories
    std::string schema;            // that was read
    bool has_client_files = false; // the app, when its schema was read
    using PartitionNumbers = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
    PartitionNumbers heads; // versions that partitions have reached
    PartitionNumbers files; // client files that have to be reset
};

} // namespace realmsync::server
