// libFuzzer target: a peer commits and integrates whatever changesets there are, from two others,
// in any profile. What it refuses leaves its version alone; what it gives back can be read. Seeds:
// one peer's part of recorded histories.
//
// Input: a byte for the profile, then steps: a byte for the kind (0 commit, else the sender), one
// for how far the base lies back, one for the timestamp, two for the size, the changeset.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "changeset/codec.hpp"
#include "realm/merge_peer.hpp"

using namespace realmsync;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

// Each encoded changeset begins with the definition of name 0.
void require_readable(const std::string& bytes) {
    if (bytes.empty())
        return;
    const std::size_t next = bytes.find(std::string("\x3f\x00", 2), 2);
    if (next == std::string::npos)
        require(static_cast<bool>(changeset::parse_borrowed(bytes)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    realm::MergePeer peer(2, static_cast<merge::Profile>(data[0] % 3));
    std::uint64_t remote_version = 1;
    std::uint64_t bases[2] = {0, 0};
    for (std::size_t at = 1; size - at >= 5;) {
        const std::uint8_t kind = data[at] % 3;
        const std::uint64_t back = data[at + 1], timestamp = data[at + 2];
        const std::size_t length =
            std::min<std::size_t>(data[at + 3] << 8 | data[at + 4], size - at - 5);
        const auto bytes = std::make_shared<const std::string>(
            reinterpret_cast<const char*>(data + at + 5), length);
        at += 5 + length;
        const std::uint64_t before = peer.version();
        try {
            if (kind == 0) {
                require(peer.commit(*bytes, timestamp) == before + 1);
                continue;
            }
            std::uint64_t& base = bases[kind - 1];
            base = std::max(base, before - std::min(before, back));
            realm::ReceivedChangeset received{++remote_version, base, timestamp, 10u + kind, bytes};
            require_readable(peer.integrate(10u + kind, {received, received}));
            require(peer.version() == before + 1);
        } catch (const ErrorException&) {
            require(peer.version() == before);
        }
    }
    return 0;
}
