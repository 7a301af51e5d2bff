#include "partitions/flexible_page.hpp"

#include <algorithm>
#include <utility>

#include "partitions/app_schema.hpp"

namespace realmsync::partitions {

namespace {

constexpr std::size_t kChangesetBytes = 256u << 10; // about: a client applies them one by one

} // namespace

server::Page fetch_part(HistoryStore& store, const server::PageRequest& request) {
    server::Page page;
    store.read([&](HistoryReader& rows) { page = bootstrap_page(rows, request); });
    return page;
}

server::Page acknowledgement(HistoryStore& store, const server::PageRequest& request) {
    server::Page page;
    page.body = DownloadBody().pack();
    page.estimate = 1; // of a history
    store.read([&](HistoryReader& rows) {
        page.progress = Snapshot(rows, request).progress(rows, request, request.cursor);
    });
    return page;
}

void DownloadBody::add(std::uint64_t version, std::uint64_t client_version, std::uint64_t timestamp,
                       std::uint64_t origin, std::string_view changeset) {
    wire::DownloadEntry entry;
    entry.server_version = version;
    entry.client_version = client_version;
    entry.origin_timestamp = timestamp;
    entry.origin_file_ident = origin != 0 ? origin : kServerIdent;
    entry.original_size = changeset.size();
    entry.changeset = changeset;
    wire::append_entry(plain_, entry);
    ++entries_;
}

ObjectsAnew::OfClass& ObjectsAnew::of(const model::Class& cls) {
    const auto [found, is_new] = classes_.try_emplace(&cls);
    OfClass& of = found->second;
    if (!is_new)
        return of;
    of.shown = view_.find(cls.name);
    if (of.shown == nullptr)
        return of;
    query::Needs needs = of.shown->needs(cls);
    of.asked = rows_.objects(id_, schema_, needs, work_);
    for (std::size_t property = 0; property < cls.properties.size(); ++property)
        needs.properties[&cls].insert(property);
    of.whole = rows_.objects(id_, schema_, needs, work_);
    return of;
}

views::Presence ObjectsAnew::presence(const model::Class& cls, const Key& key, query::Run& run) {
    const OfClass& known = of(cls);
    return known.shown == nullptr ? views::kOutside
                                  : view_.presence(known.asked->find(cls, key), run);
}

bool ObjectsAnew::renew(const model::Class& cls, const Key& key, query::Run& run) {
    const OfClass& known = of(cls);
    const query::Image* now = known.shown == nullptr ? nullptr : known.whole->find(cls, key);
    const views::Presence presence = view_.presence(now, run);
    if (!presence.is_inside())
        return false;
    writer_.erase_object(cls.name, key);
    // A new object has nulls by itself. Its zeros are written: they are null where a client has
    // declared the property optional, which nobody compares (changeset-format.md 12).
    tables::ObjectChangeset(writer_, *schema_)
        .add(cls, key, {now->values, now->count}, [&](std::size_t property) {
            return now->values[property].type() != Type::null &&
                   presence.shown->contains(cls.properties[property].name);
        });
    if (writer_.size() >= kChangesetBytes)
        cut();
    return true;
}

void ObjectsAnew::define_schema() {
    cut();
    if (std::string schema = write_additions(*schema_, model::Schema()); !schema.empty()) {
        total_ += schema.size();
        changesets_.push_back(std::move(schema));
    }
}

void ObjectsAnew::cut() {
    if (writer_.empty())
        return;
    total_ += writer_.size();
    changesets_.push_back(writer_.take());
}

void ObjectsAnew::write(DownloadBody& body, std::uint64_t version, std::uint64_t client_version,
                        std::uint64_t timestamp) {
    cut();
    for (const std::string& changeset : changesets_)
        body.add(version, client_version, timestamp, kServerIdent, changeset);
    changesets_.clear();
    total_ = 0;
}

Snapshot::Snapshot(HistoryReader& rows, const server::PageRequest& request) {
    const auto found = rows.head(request.partition);
    auto known = rows.client_file(request.partition, request.file_ident);
    if (!found || !known)
        throw std::invalid_argument("There is no client file " +
                                    std::to_string(request.file_ident) + ".");
    head = *found;
    file = std::move(*known);
}

// No version is told whose effects are not shown (server-behaviour.md 8.4).
wire::SyncProgress Snapshot::progress(const server::PageRequest& request,
                                      wire::DownloadCursor cursor, const SaltOf& salt_of) const {
    wire::SyncProgress progress;
    progress.download = cursor;
    progress.upload = {file.ack_client_version, file.ack_server_version};
    progress.latest.version = std::min(
        head.version, std::max({cursor.server_version, file.ack_head, request.least_latest}));
    if (progress.latest.version == head.version)
        progress.latest.salt = head.salt;
    else if (progress.latest.version == head.base_version)
        progress.latest.salt = head.base_salt;
    else if (const auto salt = salt_of(progress.latest.version))
        progress.latest.salt = *salt;
    else
        corrupt("A version of the history is missing.");
    return progress;
}

wire::SyncProgress Snapshot::progress(HistoryReader& rows, const server::PageRequest& request,
                                      wire::DownloadCursor cursor) const {
    return progress(request, cursor,
                    [&](std::uint64_t version) { return rows.salt(request.partition, version); });
}

} // namespace realmsync::partitions
