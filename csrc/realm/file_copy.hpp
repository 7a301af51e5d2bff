// Copies of realm files, and with them how a realm leaves sync, begins it or becomes another
// client of its partition (data-model.md 24.3). Which configuration means what, and what of it is
// refused beforehand, is in realmsync/model/copying.py; how a new file appears: creation.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace realmsync::realm {

enum class CopyKind : std::uint8_t {
    local,  // the objects alone; cannot be synchronised
    synced, // a new client's: knows what the server has sent, or has everything to upload
    whole,  // the same file once more, history and identity included
};

struct CopyRequest {
    std::string path;
    CopyKind kind = CopyKind::whole;
    // Whether the source is to be synchronised, if it was not yet: then it will upload its history
    // itself. A file that was is known by what is in it.
    bool is_synced = false;
    bool is_durable = true;
    std::uint64_t now = 0;                   // ms since 2015, of what is to be uploaded
    const std::atomic<bool>* stop = nullptr; // set on any thread: ends with StoreError, soon
};

// Copies what is committed in the file at `source`, at one moment, to where nothing is: whole and
// durable, or not at all. Others may write meanwhile. Throws ErrorException: illegal_operation,
// `synced` of a synchronised file of which the server has not integrated everything;
// limit_exceeded, an object that no upload can hold. Throws StoreError, and std::system_error,
// file_exists where something is. O(bytes).
void write_copy(const std::string& source, const CopyRequest& request);

} // namespace realmsync::realm
