// Bodies of UPLOAD and DOWNLOAD: compression and entries.
#include "wire/body.hpp"

#include "base/compress.hpp"
#include "wire/reader.hpp"

namespace realmsync::wire {

namespace {

constexpr std::size_t kCompressAbove = 1024;

void read_field(Reader& in, std::uint64_t& value, std::string_view name) {
    if (in.failed())
        return;
    value = in.integer<std::uint64_t>(name, ErrorKind::bad_entry_header, 0, kMaxUnsigned);
    if (!in.failed() && !in.skip(' '))
        in.fail(ErrorKind::bad_entry_header, "One space must follow " + std::string(name));
}

void read_changeset(Reader& in, std::string_view& changeset) {
    std::uint64_t size = 0;
    read_field(in, size, "changeset size");
    if (in.failed())
        return;
    if (size > in.remaining())
        in.fail(ErrorKind::bad_entry_size, "The changeset has fewer bytes than its size says");
    else
        changeset = in.take(size);
}

void read_entry(Reader& in, UploadEntry& entry) {
    read_field(in, entry.client_version, "client version");
    read_field(in, entry.server_version, "server version");
    read_field(in, entry.origin_timestamp, "origin timestamp");
    read_field(in, entry.origin_file_ident, "origin file ident");
    read_changeset(in, entry.changeset);
}

void read_entry(Reader& in, DownloadEntry& entry) {
    read_field(in, entry.server_version, "server version");
    read_field(in, entry.client_version, "client version");
    read_field(in, entry.origin_timestamp, "origin timestamp");
    read_field(in, entry.origin_file_ident, "origin file ident");
    read_field(in, entry.original_size, "original size");
    read_changeset(in, entry.changeset);
}

template <class Entry>
Result<std::size_t> read_entries(std::string_view plain,
                                 const std::function<bool(const Entry&)>& take) {
    Reader in(plain);
    while (!in.at_end()) {
        Entry entry;
        read_entry(in, entry);
        if (in.failed())
            return std::move(in.error());
        if (!take(entry))
            break;
    }
    return in.position();
}

template <class Entry> Result<std::vector<Entry>> parse_entries(std::string_view plain) {
    std::vector<Entry> entries;
    auto read = read_entries<Entry>(plain, [&](const Entry& entry) {
        entries.push_back(entry);
        return true;
    });
    if (!read)
        return std::move(read.error());
    return entries;
}

void append_field(std::string& plain, std::uint64_t value) {
    char text[24];
    const auto [end, code] = std::to_chars(text, text + sizeof text, value);
    plain.append(text, end);
    plain += ' ';
}

} // namespace

Result<std::shared_ptr<const std::string>> plain_body(const Body& body, std::uint64_t limit) {
    const std::uint64_t size = body.compressed ? body.uncompressed_size : body.bytes.size();
    if (size > limit)
        return Error{ErrorKind::bad_message, "A body of " + std::to_string(size) +
                                                 " bytes exceeds the limit of " +
                                                 std::to_string(limit)};
    if (size == 0) // whatever a compressed body holds then, it is not inflated
        return std::make_shared<const std::string>();
    if (!body.compressed)
        return std::make_shared<const std::string>(body.bytes);
    std::optional<std::string> plain = zlib_decompress(body.bytes, size);
    if (!plain)
        return Error{ErrorKind::bad_compression,
                     "The body is no zlib stream of " + std::to_string(size) + " bytes"};
    return std::make_shared<const std::string>(std::move(*plain));
}

Result<std::vector<UploadEntry>> parse_upload_entries(std::string_view plain) {
    return parse_entries<UploadEntry>(plain);
}

Result<std::size_t> read_upload_entries(std::string_view plain,
                                        const std::function<bool(const UploadEntry&)>& take) {
    return read_entries<UploadEntry>(plain, take);
}

Result<std::size_t> read_download_entries(std::string_view plain,
                                          const std::function<bool(const DownloadEntry&)>& take) {
    return read_entries<DownloadEntry>(plain, take);
}

Result<std::vector<DownloadEntry>> parse_download_entries(std::string_view plain) {
    return parse_entries<DownloadEntry>(plain);
}

void append_entry(std::string& plain, const UploadEntry& entry) {
    append_field(plain, entry.client_version);
    append_field(plain, entry.server_version);
    append_field(plain, entry.origin_timestamp);
    append_field(plain, entry.origin_file_ident);
    append_field(plain, entry.changeset.size());
    plain += entry.changeset;
}

void append_entry(std::string& plain, const DownloadEntry& entry) {
    append_field(plain, entry.server_version);
    append_field(plain, entry.client_version);
    append_field(plain, entry.origin_timestamp);
    append_field(plain, entry.origin_file_ident);
    append_field(plain, entry.original_size);
    append_field(plain, entry.changeset.size());
    plain += entry.changeset;
}

Body PackedBody::view() const {
    return {compressed, uncompressed_size, compressed ? bytes.size() : 0, bytes};
}

PackedBody pack_body(std::string plain) {
    const std::uint64_t size = plain.size();
    if (size > kCompressAbove)
        if (std::optional<std::string> stream = zlib_compress(plain))
            return {true, size, std::move(*stream)};
    return {false, size, std::move(plain)};
}

} // namespace realmsync::wire
