// Fuzz target of the wire folder: messages of both directions, both modes and all versions, with
// their bodies. The first byte chooses, the rest is the message. What is read must be written and
// read again to the same bytes; everything else is left to the sanitizers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/body.hpp"
#include "wire/error_code.hpp"
#include "wire/format.hpp"
#include "wire/parse.hpp"
#include "wire/partition_value.hpp"

using namespace realmsync;
using namespace realmsync::wire;

namespace {

constexpr std::uint64_t kLimit = 1u << 20;

void require(bool ok) {
    if (!ok)
        std::abort();
}

template <class Entry, class Parse> void check_entries(const Body& body, Parse parse) {
    auto plain = plain_body(body, kLimit);
    if (!plain)
        return;
    require((*plain)->size() <= kLimit);
    auto entries = parse(**plain);
    if (!entries)
        return;
    std::string again;
    for (const Entry& entry : *entries)
        append_entry(again, entry);
    require(bool(parse(again)));
    const PackedBody packed = pack_body(again);
    require(**plain_body(packed.view(), kLimit) == again);
}

bool may_be_sent(std::int32_t code) {
    const CodeInfo* info = find_code(code);
    return info == nullptr || !info->lethal;
}

// Looks at the bodies; says whether format() may write the message.
struct Inspect {
    bool operator()(const Upload& m) const {
        check_entries<UploadEntry>(m.body, parse_upload_entries);
        return true;
    }
    bool operator()(const Download& m) const {
        check_entries<DownloadEntry>(m.body, parse_download_entries);
        return true;
    }
    bool operator()(const Bind& m) const {
        auto text = canonical_partition(m.data);
        if (text && text->size() <= kMaxPartitionBytes)
            require(*canonical_partition(*text) == *text);
        return true;
    }
    bool operator()(const JsonError& m) const {
        (void)parse_client_error(m.body);
        auto info = parse_error_info(m.body, m.code);
        if (!may_be_sent(m.code))
            return false;
        if (info && find_code(m.code) != nullptr)
            require(bool(
                parse_error_info(format_error_info(static_cast<Code>(m.code), *info), m.code)));
        return true;
    }
    bool operator()(const LogMessage& m) const {
        (void)parse_log_info(m.body);
        return true;
    }
    bool operator()(const QueryError& m) const { return may_be_sent(m.code); }
    bool operator()(const PlainError& m) const {
        return may_be_sent(m.code) && m.code != 231 && m.code != 236;
    }
    bool operator()(const auto&) const { return true; }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const bool from_client = (data[0] & 1) != 0;
    const Mode mode = (data[0] & 2) != 0 ? Mode::flexible : Mode::partition;
    const int version = 9 + (data[0] >> 2) % 6;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (from_client) {
        auto message = parse_client_message(bytes, mode);
        if (message && std::visit(Inspect(), *message)) {
            const std::string once = format(*message, mode);
            require(format(*parse_client_message(once, mode), mode) == once);
        }
    } else {
        auto message = parse_server_message(bytes, mode, version);
        if (message && std::visit(Inspect(), *message)) {
            const std::string once = format(*message, mode, version);
            require(format(*parse_server_message(once, mode, version), mode, version) == once);
        }
    }
    return 0;
}
