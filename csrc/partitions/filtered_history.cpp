// The history after a client file's cursor, as its view shows it: of each entry the instructions on
// objects that are in the view, and what enters or leaves it, at the end of the page
// (flexible-sync.md 8.2). Whole objects can be had of the snapshot alone, so that a page in which
// one enters goes up to the head.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "changeset/codec.hpp"
#include "partitions/flexible_page.hpp"
#include "query/evaluation/run.hpp"
#include "query/values/no_objects.hpp"
#include "views/entry_images.hpp"
#include "views/fold.hpp"
#include "views/touched.hpp"
#include "views/value_bytes.hpp"
#include "wire/primary_key.hpp"

namespace realmsync::partitions {

namespace {

using views::Presence;
using views::Verdict;

constexpr std::uint64_t kVersionsAtOnce = 10'000; // that a page looks at, unless it must see more

struct Object {
    const model::Class* cls;
    model::ObjectKey key;
    views::Passage passage;
    bool is_taken_back = false; // a change of this file was not let through
    bool is_its_own = false;    // the file has written it itself, so that it has it
    bool is_whole() const {
        return (passage.has_crossed() && passage.last().is_inside()) || is_taken_back;
    }
};

struct Touch { // of an object, by one entry
    std::size_t object;
    Presence before, after;
};

struct Entry {
    HistoryEntry head; // without its changeset
    std::uint64_t size = 0;
    bool has_schema = true; // unless its images say that it has none
    std::vector<Touch> touches;
};

class FilteredHistory {
  public:
    FilteredHistory(HistoryReader& rows, const server::PageRequest& request)
        : rows_(rows), request_(request), view_(*request.view), snapshot_(rows, request),
          last_(request.up_to != 0 ? std::min(request.up_to, snapshot_.head.version)
                                   : snapshot_.head.version),
          schema_(rows.schema(request.partition)), run_(objects_alone_) {}

    server::Page make() {
        const std::uint64_t from = request_.cursor.server_version;
        read(std::min(last_, from + kVersionsAtOnce));
        std::size_t count = cut();
        if (count == 0 && entries_.size() < last_ - from) {
            read(last_);
            count = cut();
        }
        if (count == 0)
            count = entries_.size();
        replay(count);
        return write(count);
    }

  private:
    void read(std::uint64_t last);
    bool is_alone() const;
    void read_images(std::uint64_t version, std::string_view bytes);
    std::size_t object_number(const model::Class& cls, const Key& key);
    void take_back(std::uint64_t version, server::Page& page);
    std::size_t cut();
    void replay(std::size_t count);
    void note(const Touch& touch, std::uint64_t timestamp);
    server::Page write(std::size_t count);
    void write_entry(const Entry& entry, std::uint64_t client_version);
    const rules::Fields* shown_plainly(const Entry& entry,
                                       const views::TouchedObject& object) const;
    void write_moved(ObjectsAnew& anew);

    bool is_own(const Entry& entry) const { return entry.head.via_ident == request_.file_ident; }
    std::uint64_t cursor_after(std::size_t count) const {
        return request_.cursor.server_version + count;
    }

    HistoryReader& rows_;
    const server::PageRequest& request_;
    const views::View& view_;
    const Snapshot snapshot_;
    const std::uint64_t last_; // version that the page may go up to
    const model::SchemaPtr schema_;
    query::NoObjects objects_alone_;
    query::Run run_;
    std::vector<Entry> entries_; // after the cursor, without gaps
    bool is_alone_ = true;
    std::vector<Object> objects_;
    std::map<std::string, std::unordered_map<std::string, std::size_t>, std::less<>>
        numbers_; // of objects, by class and text of the key
    std::vector<Compensation> taken_back_;
    std::uint64_t moved_at_ = 0; // origin timestamp of the newest change that moved something
    DownloadBody body_;
};

void FilteredHistory::read(std::uint64_t last) {
    std::uint64_t first = cursor_after(entries_.size());
    taken_back_ = rows_.compensations(request_.partition, request_.file_ident,
                                      request_.cursor.server_version);
    rows_.heads(request_.partition, first, last, [&](HistoryEntry head, std::uint64_t size) {
        if (head.version != cursor_after(entries_.size()) + 1)
            corrupt("The history of partition " + std::to_string(request_.partition) +
                    " has a gap after version " + std::to_string(cursor_after(entries_.size())) +
                    ".");
        Entry entry;
        entry.head = std::move(head);
        entry.size = size;
        entry.has_schema = size != 0;
        entries_.push_back(std::move(entry));
    });
    if (std::exchange(is_alone_, is_alone()) && !is_alone_) // what was left out counts now
        first = request_.cursor.server_version;
    rows_.images(
        request_.partition, first, last,
        [&](std::uint64_t version, std::string_view bytes) { read_images(version, bytes); });
}

// Whether all comes from the file itself, so that nothing is sent but what the view does.
bool FilteredHistory::is_alone() const {
    return taken_back_.empty() &&
           std::ranges::all_of(entries_, [this](const Entry& entry) { return is_own(entry); });
}

void FilteredHistory::read_images(std::uint64_t version, std::string_view bytes) {
    Entry& entry = entries_.at(version - request_.cursor.server_version - 1);
    const views::EntryImages images = views::read_images(bytes, *schema_);
    entry.has_schema = images.has_schema;
    entry.touches.clear();
    for (const views::ObjectImages& object : images.objects) {
        if (view_.find(object.cls->name) == nullptr)
            continue;
        Touch touch{0, view_.before(object, run_), {}};
        touch.after = object.is_changed ? view_.after(object, run_) : touch.before;
        if (!touch.before.is_inside() && !touch.after.is_inside())
            continue;
        if (is_alone_ && !views::is_crossing(touch.before, touch.after))
            continue;
        touch.object = object_number(*object.cls, object.key.view());
        entry.touches.push_back(touch);
    }
    std::ranges::sort(entry.touches, {}, &Touch::object);
}

std::size_t FilteredHistory::object_number(const model::Class& cls, const Key& key) {
    auto& of_class = numbers_[cls.name];
    const auto [at, is_new] = of_class.try_emplace(views::key_bytes(key), objects_.size());
    if (is_new)
        objects_.push_back({&cls, model::ObjectKey(key), views::Passage(views::kOutside)});
    return at->second;
}

void FilteredHistory::note(const Touch& touch, std::uint64_t timestamp) {
    Object& object = objects_[touch.object];
    if (views::is_crossing(touch.before, touch.after))
        moved_at_ = std::max(moved_at_, timestamp);
    object.passage.pass(touch.before, touch.after);
}

// How many entries the page takes; 0: not to be told of those that are read.
std::size_t FilteredHistory::cut() {
    std::size_t best = 0;
    std::uint64_t bytes = 0;
    std::size_t whole = 0; // objects that would have to be sent whole
    std::size_t taken_back = 0;
    replay(0);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        for (const Touch& touch : entry.touches) {
            whole -= objects_[touch.object].is_whole() ? 1 : 0;
            note(touch, 0);
            whole += objects_[touch.object].is_whole() ? 1 : 0;
        }
        while (taken_back < taken_back_.size() &&
               taken_back_[taken_back].version <= entry.head.version) {
            ++taken_back;
            ++whole;
        }
        if (!is_own(entry) && (entry.has_schema || !entry.touches.empty()))
            bytes += entry.size;
        if (whole == 0)
            best = i + 1;
        if (bytes > request_.byte_limit && best != 0)
            return best;
    }
    // All that is there, or up to where nothing enters.
    return cursor_after(entries_.size()) == last_ ? entries_.size() : best;
}

// Where the objects stand after so many entries.
void FilteredHistory::replay(std::size_t count) {
    std::vector<bool> is_met(objects_.size());
    for (Object& object : objects_) {
        object.passage = views::Passage(views::kOutside);
        object.is_taken_back = object.is_its_own = false;
    }
    for (const Entry& entry : entries_)
        for (const Touch& touch : entry.touches)
            if (!is_met[touch.object]) {
                is_met[touch.object] = true;
                objects_[touch.object].passage = views::Passage(touch.before);
            }
    for (std::size_t i = 0; i < count; ++i)
        for (const Touch& touch : entries_[i].touches) {
            note(touch, entries_[i].head.origin_timestamp);
            Object& object = objects_[touch.object];
            object.is_its_own = object.is_its_own || is_own(entries_[i]);
        }
}

server::Page FilteredHistory::write(std::size_t count) {
    const std::uint64_t version = cursor_after(count);
    server::Page page;
    take_back(version, page);
    std::uint64_t client_version = request_.cursor.client_version;
    for (std::size_t i = 0; i < count; ++i) {
        const Entry& entry = entries_[i];
        if (is_own(entry))
            client_version = std::max(client_version, entry.head.client_version);
        else if (entry.has_schema || !entry.touches.empty())
            write_entry(entry, client_version);
    }
    ObjectsAnew anew(rows_, request_.partition, schema_, view_);
    write_moved(anew);
    anew.write(body_, version, client_version, moved_at_);
    page.entries = body_.entries();
    page.body = body_.pack();
    page.progress = snapshot_.progress(rows_, request_, {version, client_version});
    page.is_last = version == last_;
    page.estimate = page.is_last ? 1
                                 : static_cast<double>(count) /
                                       static_cast<double>(last_ - request_.cursor.server_version);
    return page;
}

// What was not let through of this file's changes: their objects come as they are.
void FilteredHistory::take_back(std::uint64_t version, server::Page& page) {
    for (const Compensation& compensation : taken_back_) {
        if (compensation.version > version)
            break;
        const model::Class* cls = schema_->find(compensation.cls);
        const Key key = compensation.key.view();
        if (!compensation.reason.empty()) // else its change was lost at the client as well
            page.rejected.push_back({compensation.client_version, compensation.cls,
                                     wire::encode_primary_key(key), compensation.reason,
                                     cls != nullptr && cls->kind == TableKind::asymmetric});
        if (cls != nullptr && cls->kind == TableKind::top_level)
            objects_[object_number(*cls, key)].is_taken_back = true;
        const Entry& entry = entries_.at(compensation.version - request_.cursor.server_version - 1);
        moved_at_ = std::max(moved_at_, entry.head.origin_timestamp);
    }
}

// Null: of an object that comes anew, leaves, or is none of the view's.
const rules::Fields* FilteredHistory::shown_plainly(const Entry& entry,
                                                    const views::TouchedObject& object) const {
    const auto of_class = numbers_.find(object.table);
    if (of_class == numbers_.end())
        return nullptr;
    const auto number = of_class->second.find(views::key_bytes(object.key));
    if (number == of_class->second.end())
        return nullptr;
    const Object& known = objects_[number->second];
    if (known.is_taken_back || known.passage.verdict() != Verdict::plain)
        return nullptr;
    const auto touch = std::ranges::lower_bound(entry.touches, number->second, {}, &Touch::object);
    return touch != entry.touches.end() && touch->object == number->second
               ? views::shown_plainly(touch->before, touch->after)
               : nullptr;
}

// The instructions on objects that stay in the view, and of the schema.
void FilteredHistory::write_entry(const Entry& entry, std::uint64_t client_version) {
    auto parsed = changeset::parse(rows_.changeset(request_.partition, entry.head.version));
    if (!parsed)
        corrupt("Version " + std::to_string(entry.head.version) +
                " of the history is damaged: " + parsed.error().message);
    const views::Touched touched(*parsed);
    std::vector<const rules::Fields*> fields;
    for (const views::TouchedObject& object : touched.objects())
        fields.push_back(shown_plainly(entry, object));
    const changeset::Changeset shown = touched.with(fields);
    if (!shown.instructions.empty())
        body_.add(entry.head.version, client_version, entry.head.origin_timestamp,
                  entry.head.origin_ident, changeset::encode_interleaved(shown));
}

void FilteredHistory::write_moved(ObjectsAnew& anew) {
    for (const Object& object : objects_) {
        const Verdict verdict = object.passage.verdict();
        const Key key = object.key.view();
        const bool leaves =
            verdict == Verdict::leaves || (verdict == Verdict::nothing && object.is_its_own);
        if (!object.is_taken_back && verdict != Verdict::enters && !leaves)
            continue;
        // The tables are of the head, where it may have gone again.
        if (leaves || !anew.renew(*object.cls, key, run_))
            anew.erase(*object.cls, key);
    }
}

} // namespace

server::Page filtered_history(HistoryReader& rows, const server::PageRequest& request) {
    return FilteredHistory(rows, request).make();
}

} // namespace realmsync::partitions
