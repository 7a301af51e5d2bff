// What a client file of flexible sync is sent, from one snapshot of the tables: the history as its
// view shows it, and the parts of bootstraps (flexible-sync.md 7, 8, 17.5;
// docs/internals/flexible-sync.md, "Fold" and "Difference"). The history's part is
// filtered_history.cpp's, a bootstrap's bootstrap_page.cpp's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "changeset/writer.hpp"
#include "partitions/history_store.hpp"
#include "query/evaluation/run.hpp"
#include "server/store.hpp"
#include "tables/object_changeset.hpp"
#include "views/view.hpp"

namespace realmsync::partitions {

// What asking views took so far, in ns (base/work.hpp).
inline std::uint64_t time_of(query::Run& run) { return query::kStepTime * run.work().spent(); }

inline std::string refusal_of(const query::QueryFault& fault) {
    return std::string("Invalid query: ") + fault.what();
}

// An entry of the history that has touched an object, and what the object was.
struct Step {
    std::uint64_t version;
    bool is_own; // the file's that is asked about
    views::ObjectImages images;
};

// Whether a step, of the history that was shown through a view before a bootstrap began, has made
// the object enter or leave: the file was sent it anew, or an erasure, whoever made the change.
inline bool has_crossed_before(const Step& step, std::uint64_t start, const views::View& view,
                               query::Run& run) {
    return step.version <= start &&
           views::is_crossing(view.before(step.images, run), view.after(step.images, run));
}

// A view that a bootstrap brings, or has begun to: parts of it show nothing later than that
// version.
struct BroughtView {
    const views::View* view;
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max();

    // Whether a part may have shown the object as it was before a step, which the one before has
    // made, or after it.
    bool may_have_shown(const Step& step, std::uint64_t version_before, query::Run& run) const {
        return (version_before <= until && view->before(step.images, run).is_inside()) ||
               (step.version <= until && view->after(step.images, run).is_inside());
    }
    // Whether a part may have said something of an object to a file that holds `old`. `first`:
    // since the bootstrap began.
    bool may_have_said(const Step& first, const views::View& old, query::Run& run) const {
        return first.version <= until ||
               view->before(first.images, run) != old.before(first.images, run);
    }
};

// The body of one DOWNLOAD while it is being made.
class DownloadBody {
  public:
    // `file`: whom it is for.
    void add(std::uint64_t version, std::uint64_t client_version, std::uint64_t timestamp,
             std::uint64_t origin, std::string_view changeset);
    std::size_t size() const { return plain_.size(); }
    std::size_t entries() const { return entries_; }
    wire::PackedBody pack() { return wire::pack_body(std::move(plain_)); }

  private:
    std::string plain_;
    std::size_t entries_ = 0;
};

// Objects as the server has them at one version, for a client file that may have others: erased,
// and made anew as a view shows them.
class ObjectsAnew {
  public:
    ObjectsAnew(HistoryReader& rows, PartitionId id, model::SchemaPtr schema,
                const views::View& view)
        : rows_(rows), id_(id), schema_(std::move(schema)), view_(view) {}

    // Where the view has the object in the snapshot.
    views::Presence presence(const model::Class& cls, const Key& key, query::Run& run);
    void erase(const model::Class& cls, const Key& key) { writer_.erase_object(cls.name, key); }
    // False, and nothing is written, if the view does not have it.
    bool renew(const model::Class& cls, const Key& key, query::Run& run);
    // All classes and properties.
    void define_schema();

    std::size_t size() const { return total_ + writer_.size(); }
    std::uint64_t work() const { return work_.spent(); } // ns (base/work.hpp), of reading
    // As changesets of one version, each of some size.
    void write(DownloadBody& body, std::uint64_t version, std::uint64_t client_version,
               std::uint64_t timestamp);

  private:
    // Of one class, as the view asks about its objects, and shows them.
    struct OfClass {
        const views::ClassView* shown = nullptr; // null: none of them
        std::unique_ptr<query::ObjectReader> asked, whole;
    };

    OfClass& of(const model::Class& cls);
    void cut();

    HistoryReader& rows_;
    const PartitionId id_;
    const model::SchemaPtr schema_;
    const views::View& view_;
    std::map<const model::Class*, OfClass> classes_; // of the schema
    Work work_;                                      // nobody pays
    changeset::Writer writer_;
    std::vector<std::string> changesets_;
    std::size_t total_ = 0;
};

// The head, the file and what both pages say of progress.
struct Snapshot {
    Head head;
    ClientFile file;
    Snapshot(Head newest, ClientFile known) : head(newest), file(std::move(known)) {}
    Snapshot(HistoryReader& rows, const server::PageRequest& request);
    // What a page says that goes up to `cursor`; `salt_of` is asked for one version at most, and
    // what it has not makes the snapshot corrupt.
    using SaltOf = std::function<std::optional<std::int64_t>(std::uint64_t version)>;
    wire::SyncProgress progress(const server::PageRequest& request, wire::DownloadCursor cursor,
                                const SaltOf& salt_of) const;
    wire::SyncProgress progress(HistoryReader& rows, const server::PageRequest& request,
                                wire::DownloadCursor cursor) const;
};

// The last version that a page may go up to.
inline std::uint64_t last_of(const server::PageRequest& request, std::uint64_t head) {
    return request.up_to != 0 ? std::min(request.up_to, head) : head;
}

// The history after a cursor through a view, as one page tells it.
struct ShownHistory {
    wire::PackedBody body;
    std::size_t entries = 0;
    wire::DownloadCursor cursor; // after it
    bool is_last = false;        // nothing follows, of what was to be looked at
    double estimate = 0;
    bool is_too_large = false; // there is nothing to be sent: a bootstrap has to bring it
    bool has_own = false;      // something in it is the file's own, so that it is for nobody else
    std::string refusal;       // why it cannot be made, if it cannot
    std::uint64_t work = 0;    // ns (base/work.hpp), of asking the view
    std::vector<server::Page::Rejected> rejected;
};
ShownHistory shown_history(HistoryReader& rows, const server::PageRequest& request,
                           const Snapshot& snapshot);
// The same of entries in memory, all that matter up to `last`. Nothing if that does not do, as an
// object is to be sent whole, or would take long.
std::optional<ShownHistory> shown_history(std::vector<HistoryEntry> entries, std::uint64_t last,
                                          const model::SchemaPtr& schema,
                                          const server::PageRequest& request);

// Of uploads: the cursor stays where it is.
server::Page acknowledgement(HistoryStore& store, const server::PageRequest& request);
server::Page fetch_part(HistoryStore& store, const server::PageRequest& request); // of a bootstrap
server::Page bootstrap_page(HistoryReader& rows, const server::PageRequest& request);
// The last part: by the writer, whose snapshot is of the newest version.
server::Page conclude_bootstrap(HistoryReader& rows, const server::PageRequest& request,
                                const Snapshot& snapshot);

} // namespace realmsync::partitions
