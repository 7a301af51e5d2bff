// One message of a bootstrap: what takes a client file from what it holds to a view, each part from
// a snapshot of its own (flexible-sync.md 7, 17.5). The keys of what enters and what leaves are
// found once, with the first part. Objects that are touched between two parts are put right by
// later ones, so that when the last is made everything is as it is in that snapshot.
#include <algorithm>
#include <future>
#include <map>
#include <numeric>
#include <set>
#include <unordered_set>
#include <utility>

#include "model/key_list.hpp"
#include "partitions/flexible_page.hpp"
#include "query/evaluation/run.hpp"
#include "query/values/no_objects.hpp"
#include "views/entry_images.hpp"
#include "views/fold.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::partitions {

namespace {

using views::Presence;

constexpr std::uint64_t kLastBytes = 4u << 20; // about, of the last part: of what is left there
// Versions since the part before, with which the last one does not begin: that is for readers.
constexpr std::uint64_t kLastVersions = 10'000;
// What asking for the keys of a class may take, in ns (base/work.hpp): some seconds.
constexpr std::uint64_t kSelectWork = 3'000'000'000;
// What the last part may ask of the views, in steps: all others wait for the writer.
constexpr query::WorkLimits kLastPart{.object = 10'000'000, .run = 30'000'000, .free = 100};

enum class Fate : std::uint8_t {
    leaves,
    enters,
    anew, // was touched meanwhile: it comes as it is when its turn comes, or is erased
};

// The keys of one class that are still to be dealt with, or have been.
struct KeysOf {
    std::string cls;
    model::KeyList keys;
    Fate fate;
};

struct Packed { // the body of a message
    std::size_t entries = 0;
    wire::PackedBody body;
    Packed() = default;
    explicit Packed(DownloadBody plain) : entries(plain.entries()), body(plain.pack()) {}
};

class Progress final : public server::BootstrapProgress {
  public:
    std::uint64_t bytes() const override {
        constexpr std::uint64_t kHandled = 160; // a name with its places
        std::uint64_t bytes = kHandled * handled.size() + rest.size() + ahead_bytes;
        for (const KeysOf& keys : parts)
            bytes += sizeof keys + keys.keys.bytes();
        return bytes;
    }

    wire::DownloadCursor cursor; // up to where everything sent is right
    std::vector<KeysOf> parts;
    std::size_t part = 0, position = 0;
    std::size_t total = 0, done = 0;
    double estimate = 0; // told last: it never falls, though more may be found
    // Class and key of what was touched meanwhile, and is right without being sent.
    std::set<std::pair<std::string, std::string>> handled;
    std::size_t anew = 0;  // parts of that fate
    bool has_sent = false; // a changeset
    DownloadBody rest;     // found, but not sent: goes with the last part
    // The next part, while another thread packs it. Whoever drops it waits, for milliseconds.
    std::future<Packed> ahead;
    std::uint64_t ahead_bytes = 0; // before it is packed
};

// The objects of one class in a view, as the tables have them.
class ObjectsOf {
  public:
    ObjectsOf(HistoryReader& rows, PartitionId id, const model::Schema& schema,
              const views::View& view, const std::string& cls, std::uint64_t& work)
        : view_(view.find(cls)) {
        const model::Class* now = schema.find(cls);
        keys_ = model::KeyList(now != nullptr ? now->key_type : Type::integer);
        if (view_ == nullptr || now == nullptr)
            return;
        const auto select = [&](const query::Query& query) {
            Work spent(kSelectWork);
            model::KeyList keys = rows.select(id, query, spent);
            work += spent.spent();
            return keys;
        };
        keys_ = select(view_->query);
        for (const views::PartOfClass& part : view_->parts)
            parts_.push_back(select(part.query));
    }

    const model::KeyList& keys() const { return keys_; }
    bool has(const Key& key) const { return keys_.find(key) != model::KeyList::npos; }
    Presence presence(const Key& key) const {
        if (!has(key))
            return views::kOutside;
        std::size_t parts = 0;
        for (std::size_t i = 0; i < parts_.size(); ++i)
            if (parts_[i].find(key) != model::KeyList::npos)
                parts |= std::size_t{1} << i;
        return {true, &view_->shown[parts]};
    }

  private:
    const views::ClassView* view_;
    model::KeyList keys_;
    std::vector<model::KeyList> parts_;
};

void sort(model::KeyList& keys) { // ascending, as objects are read quickly
    std::vector<std::uint32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
        return model::is_less(keys.at(a), keys.at(b));
    });
    keys.reorder(order);
}

class BootstrapPage {
  public:
    BootstrapPage(HistoryReader& rows, const server::PageRequest& request, Snapshot snapshot,
                  const query::WorkLimits& limits = {})
        : rows_(rows), request_(request), bootstrap_(*request.bootstrap), view_(*bootstrap_.view),
          old_(bootstrap_.old ? *bootstrap_.old : kNothing), snapshot_(std::move(snapshot)),
          schema_(rows.schema(request.partition)), run_(alone_, limits),
          anew_(rows, request.partition, schema_, view_) {
        brought_.push_back({&view_});
        for (const auto& unfinished : bootstrap_.unfinished)
            brought_.push_back({unfinished.view.get(), unfinished.until});
    }

    server::Page next(const std::shared_ptr<server::BootstrapProgress>& before);
    server::Page last(const std::shared_ptr<server::BootstrapProgress>& before);
    std::uint64_t work() { // ns, so far
        return selected_ + anew_.work() + time_of(run_);
    }

  private:
    struct Touched { // an object, by the entries since the last part
        const model::Class* cls = nullptr;
        model::ObjectKey key;
        std::vector<Step> steps;
        std::size_t older = 0; // steps, from before the part before
        bool has_own = false, has_others = false;
        bool is_sent_anew = false; // whatever the file has done
        // Made by the file itself while its changes were judged by a view that it has not been
        // brought to, and touched by nobody else.
        bool is_its_own() const {
            return has_own && !steps.front().images.existed && !has_others && !is_sent_anew;
        }
        bool is_recent() const { return older < steps.size(); } // touched since the part before
    };
    using TouchedObjects = std::map<std::pair<std::string, std::string>, Touched>;

    void begin();
    void add_keys(const std::string& cls);
    TouchedObjects read_touched();
    bool is_to_be_put_right(const std::pair<std::string, std::string>& name,
                            const Touched& touched);
    enum class Turn : std::uint8_t { never, past, ahead };
    Turn turn_of(const std::string& cls, const Key& key, bool among_anew) const;
    bool is_held(const Touched& touched, const views::View& before);
    bool is_seen_alike(const views::ObjectImages& images, const views::View& before);
    bool is_left_alone(const Touched& touched, const views::View& before, const Presence& now);
    bool is_whole_everywhere(const Touched& touched, const Presence& now);
    bool is_handled(const KeysOf& keys, const Key& key) const;
    void go_on(std::uint64_t byte_limit);
    void deal_with(const model::Class& cls, const Key& key, Fate fate);
    void catch_up();
    void write(DownloadBody& body);
    std::future<Packed> pack_next();
    server::Page page(Packed packed, bool is_last);

    static const views::View kNothing;

    HistoryReader& rows_;
    const server::PageRequest& request_;
    const server::Bootstrap& bootstrap_;
    const views::View& view_;
    const views::View& old_;
    std::vector<BroughtView> brought_; // by this and by unfinished ones
    const Snapshot snapshot_;
    const model::SchemaPtr schema_;
    query::NoObjects alone_;
    query::Run run_;
    std::uint64_t selected_ = 0; // ns, for keys
    ObjectsAnew anew_;
    std::shared_ptr<Progress> progress_;
    std::uint64_t timestamp_ = 0;
};

const views::View BootstrapPage::kNothing;

// One part ahead of what is sent, so that packing it, a third of the work, is done beside.
server::Page BootstrapPage::next(const std::shared_ptr<server::BootstrapProgress>& before) {
    progress_ = std::static_pointer_cast<Progress>(before);
    if (!progress_)
        begin();
    catch_up();
    std::future<Packed> ready = std::move(progress_->ahead);
    progress_->ahead = pack_next();
    if (!ready.valid()) {
        ready = std::move(progress_->ahead);
        progress_->ahead = pack_next();
    }
    return ready.valid() ? page(ready.get(), false) : page(Packed(), true);
}

// No part, if nothing is left but what goes with the last one.
std::future<Packed> BootstrapPage::pack_next() {
    progress_->ahead_bytes = 0;
    if (progress_->part == progress_->parts.size() && anew_.size() == 0)
        return {};
    go_on(request_.byte_limit);
    DownloadBody body = std::exchange(progress_->rest, {});
    write(body);
    if (progress_->part == progress_->parts.size()) {
        progress_->rest = std::move(body);
        return {};
    }
    progress_->ahead_bytes = body.size();
    return std::async(std::launch::async,
                      [plain = std::move(body)]() mutable { return Packed(std::move(plain)); });
}

server::Page BootstrapPage::last(const std::shared_ptr<server::BootstrapProgress>& before) {
    progress_ = std::static_pointer_cast<Progress>(before);
    if (progress_->cursor.server_version + kLastVersions < snapshot_.head.version)
        return page(Packed(std::exchange(progress_->rest, {})), false);
    catch_up();
    go_on(std::max<std::uint64_t>(request_.byte_limit, kLastBytes));
    DownloadBody body = std::exchange(progress_->rest, {});
    write(body);
    if (progress_->part != progress_->parts.size())
        return page(Packed(std::move(body)), false);
    const wire::DownloadCursor cursor = progress_->cursor;
    if (body.entries() == 0 && !progress_->has_sent) // there must be one (7.2 B3)
        body.add(cursor.server_version, cursor.client_version, timestamp_, 0, {});
    return page(Packed(std::move(body)), true);
}

// What has been touched since the part before.
void BootstrapPage::catch_up() {
    std::vector<KeysOf> parts;
    for (const auto& [name, object] : read_touched()) { // class by class
        if (!is_to_be_put_right(name, object))
            continue;
        if (parts.empty() || parts.back().cls != name.first)
            parts.push_back({name.first, model::KeyList(object.cls->key_type), Fate::anew});
        parts.back().keys.append(object.key.view());
        ++progress_->total;
    }
    for (KeysOf& part : parts) {
        sort(part.keys);
        progress_->parts.push_back(std::move(part));
        ++progress_->anew;
    }
}

void BootstrapPage::begin() {
    progress_ = std::make_shared<Progress>();
    progress_->cursor = request_.cursor;
    std::set<std::string> classes;
    const auto add = [&](const views::View& view) {
        for (const auto& [name, cls] : view.classes())
            classes.insert(name);
    };
    const auto is_another = [this](const BroughtView& brought) {
        return brought.view->identity() != view_.identity();
    };
    if (is_another({&old_}) ||
        std::ranges::any_of(brought_, is_another)) { // else all of it is there
        add(old_);
        for (const BroughtView& brought : brought_)
            add(*brought.view);
    }
    for (const std::string& cls : classes)
        add_keys(cls);
    if (request_.cursor.server_version == 0)
        anew_.define_schema();
}

// Who shows other fields than before shows other objects.
void BootstrapPage::add_keys(const std::string& cls) {
    const auto objects_of = [&](const views::View& view) {
        return ObjectsOf(rows_, request_.partition, *schema_, view, cls, selected_);
    };
    const ObjectsOf wanted = objects_of(view_);
    std::vector<ObjectsOf> held; // or erased
    held.push_back(objects_of(old_));
    for (const auto& unfinished : bootstrap_.unfinished)
        held.push_back(objects_of(*unfinished.view));
    KeysOf entering{cls, model::KeyList(wanted.keys().type()), Fate::enters};
    KeysOf leaving{cls, model::KeyList(wanted.keys().type()), Fate::leaves};
    for (std::size_t i = 0; i < wanted.keys().size(); ++i) {
        const Key key = wanted.keys().at(i);
        if (std::ranges::any_of(held, [&](const ObjectsOf& objects) {
                return objects.presence(key) != wanted.presence(key);
            }))
            entering.keys.append(key);
    }
    for (const ObjectsOf& objects : held)
        for (std::size_t i = 0; i < objects.keys().size(); ++i)
            if (const Key key = objects.keys().at(i); !wanted.has(key))
                leaving.keys.append(key);
    for (KeysOf* keys : {&leaving, &entering})
        if (keys->keys.size() != 0) {
            progress_->total += keys->keys.size();
            progress_->parts.push_back(std::move(*keys));
        }
}

BootstrapPage::TouchedObjects BootstrapPage::read_touched() {
    TouchedObjects touched;
    const std::uint64_t head = snapshot_.head.version;
    const std::uint64_t from = progress_->cursor.server_version;
    if (from == 0 && !bootstrap_.old && bootstrap_.unfinished.empty() &&
        snapshot_.file.client_version == 0) { // holds nothing: the tables say it all
        progress_->cursor.server_version = head;
        return touched;
    }
    const bool is_first = request_.progress == nullptr;
    const std::uint64_t since = is_first ? std::min(from, bootstrap_.since) : from;
    std::unordered_set<std::uint64_t> own, bare; // versions; those without images, so far
    rows_.heads(request_.partition, since, head,
                [&](const HistoryEntry& entry, std::uint64_t size) {
                    timestamp_ = std::max(timestamp_, entry.origin_timestamp);
                    if (size != 0 && entry.version > from)
                        bare.insert(entry.version);
                    if (entry.via_ident != request_.file_ident)
                        return;
                    own.insert(entry.version);
                    progress_->cursor.client_version =
                        std::max(progress_->cursor.client_version, entry.client_version);
                });
    bool has_schema = false;
    rows_.images(
        request_.partition, since, head, [&](std::uint64_t version, std::string_view bytes) {
            bare.erase(version);
            views::EntryImages images = views::read_images(bytes, *schema_);
            has_schema = has_schema || (images.has_schema && version > from);
            for (views::ObjectImages& object : images.objects) {
                Touched& found = touched[{object.cls->name, views::key_bytes(object.key.view())}];
                found.cls = object.cls;
                found.key = object.key;
                const bool is_own = own.contains(version);
                found.has_own = found.has_own || (is_own && object.exists);
                found.has_others = found.has_others || !is_own;
                found.older += version > from ? 0 : 1;
                found.steps.push_back({version, is_own, std::move(object)});
            }
        });
    // What was taken back of its own is not there any more, and the file has it. What was kept is
    // there, and the file loses it by the parts before.
    for (const Compensation& row :
         rows_.compensations(request_.partition, request_.file_ident, since)) {
        const auto found = touched.find({row.cls, views::key_bytes(row.key.view())});
        if (found != touched.end() && (is_first || row.is_of_kept_change()))
            found->second.has_own = found->second.is_sent_anew = true;
    }
    if (from != 0 && (has_schema || !bare.empty()))
        anew_.define_schema();
    progress_->cursor.server_version = head;
    return touched;
}

// Whether the file was shown the object, has made it, or may have it of parts that it has got.
bool BootstrapPage::is_held(const Touched& touched, const views::View& before) {
    const Presence shown = touched.is_recent()
                               ? before.before(touched.steps[touched.older].images, run_)
                               : before.after(touched.steps.back().images, run_);
    if (shown.is_inside() || touched.has_own)
        return true;
    std::uint64_t version_before = 0;
    for (const Step& step : touched.steps) {
        for (const BroughtView& brought : brought_)
            if (brought.may_have_shown(step, version_before, run_))
                return true;
        version_before = step.version;
    }
    return false;
}

// Whether neither this bootstrap nor an unfinished one has anything to say of the object, since the
// file has all of it that it is shown: flexible_judging.cpp's is_said_anew() is the other side.
bool BootstrapPage::is_left_alone(const Touched& touched, const views::View& before,
                                  const Presence& now) {
    const auto has_crossed = [&](const Step& step) {
        return has_crossed_before(step, request_.cursor.server_version, old_, run_);
    };
    if (touched.is_its_own() && is_whole_everywhere(touched, now) &&
        std::ranges::none_of(touched.steps, has_crossed))
        return true;
    if (touched.is_sent_anew || before.after(touched.steps.back().images, run_) != now ||
        (touched.has_own && now == views::kOutside)) // it has what it has made
        return false;
    for (const Step& step : touched.steps)
        if (step.is_own ? !is_seen_alike(step.images, before)
                        : step.version > request_.cursor.server_version)
            return false;
    // Others' changes have come with the history. Parts of unfinished ones may undo them.
    return !touched.has_others ||
           std::none_of(brought_.begin() + 1, brought_.end(), [&](const BroughtView& brought) {
               return brought.may_have_said(touched.steps.front(), before, run_);
           });
}

// Whether all views show the same of an entry's object, before and after it.
bool BootstrapPage::is_seen_alike(const views::ObjectImages& images, const views::View& before) {
    const Presence from = before.before(images, run_), to = before.after(images, run_);
    return !views::is_crossing(from, to) &&
           std::ranges::all_of(brought_, [&](const BroughtView& brought) {
               return brought.view->before(images, run_) == from &&
                      brought.view->after(images, run_) == to;
           });
}

// Whether it is shown with all that it has, and was as long as it was there. What older images tell
// of a newer view does not count, as they need not have what that asks about; nothing was sent
// then.
bool BootstrapPage::is_whole_everywhere(const Touched& touched, const Presence& now) {
    if (now.exists && !views::is_shown_whole(*touched.cls, now))
        return false;
    return std::ranges::all_of(touched.steps, [&](const Step& step) {
        return !step.images.exists ||
               std::ranges::all_of(brought_, [&](const BroughtView& brought) {
                   return views::is_shown_whole(*touched.cls,
                                                brought.view->after(step.images, run_));
               });
    });
}

// When the object is dealt with: the last time, if it is several times.
BootstrapPage::Turn BootstrapPage::turn_of(const std::string& cls, const Key& key,
                                           bool among_anew) const {
    if (among_anew && progress_->anew == 0)
        return Turn::never;
    for (std::size_t i = progress_->parts.size(); i-- != 0;) {
        const KeysOf& keys = progress_->parts[i];
        if (keys.cls != cls || (among_anew && keys.fate != Fate::anew))
            continue;
        const std::size_t at = keys.keys.find(key);
        if (at != model::KeyList::npos)
            return i < progress_->part || (i == progress_->part && at < progress_->position)
                       ? Turn::past
                       : Turn::ahead;
    }
    return Turn::never;
}

bool BootstrapPage::is_to_be_put_right(const std::pair<std::string, std::string>& name,
                                       const Touched& touched) {
    const bool is_first = request_.progress == nullptr;
    const Key key = touched.key.view();
    const Presence now = anew_.presence(*touched.cls, key, run_);
    if (turn_of(name.first, key, true) == Turn::ahead) {
        // It will be. What the file alone has erased meanwhile it may have made anew.
        if (!now.exists && !touched.has_others && !touched.is_sent_anew)
            progress_->handled.insert(name);
        else
            progress_->handled.erase(name);
        return false;
    }
    const bool is_handled = progress_->handled.contains(name) ||
                            (!is_first && turn_of(name.first, key, false) == Turn::past);
    const views::View& before = is_handled ? view_ : old_;
    const bool is_wrong =
        !is_left_alone(touched, before, now) && (now.is_inside() || is_held(touched, before));
    if (is_wrong)
        progress_->handled.erase(name);
    else
        progress_->handled.insert(name);
    return is_wrong;
}

void BootstrapPage::deal_with(const model::Class& cls, const Key& key, Fate fate) {
    if (fate == Fate::leaves && anew_.presence(cls, key, run_).is_inside())
        return;
    if (fate == Fate::leaves || (!anew_.renew(cls, key, run_) && fate == Fate::anew))
        anew_.erase(cls, key);
}

// Whether the object is right, or becomes so with those that were touched.
bool BootstrapPage::is_handled(const KeysOf& keys, const Key& key) const {
    if (!progress_->handled.empty() &&
        progress_->handled.contains({keys.cls, views::key_bytes(key)}))
        return true;
    return keys.fate != Fate::anew && turn_of(keys.cls, key, true) != Turn::never;
}

void BootstrapPage::go_on(std::uint64_t byte_limit) {
    while (progress_->part < progress_->parts.size()) {
        const KeysOf& keys = progress_->parts[progress_->part];
        const model::Class* cls = schema_->find(keys.cls);
        for (; progress_->position < keys.keys.size(); ++progress_->position) {
            if (anew_.size() >= byte_limit)
                return;
            const Key key = keys.keys.at(progress_->position);
            if (cls != nullptr && !is_handled(keys, key))
                deal_with(*cls, key, keys.fate);
            ++progress_->done;
        }
        ++progress_->part;
        progress_->position = 0;
    }
}

void BootstrapPage::write(DownloadBody& body) {
    const wire::DownloadCursor cursor = progress_->cursor;
    anew_.write(body, cursor.server_version, cursor.client_version, timestamp_);
}

server::Page BootstrapPage::page(Packed packed, bool is_last) {
    server::Page page;
    progress_->has_sent = progress_->has_sent || packed.entries != 0;
    page.is_last = is_last;
    page.entries = packed.entries;
    page.body = std::move(packed.body);
    const double share =
        static_cast<double>(progress_->done) / static_cast<double>(progress_->total + 1);
    page.estimate = progress_->estimate = is_last ? 1 : std::max(progress_->estimate, share);
    page.progress = snapshot_.progress(rows_, request_, progress_->cursor);
    page.bootstrap_progress = progress_;
    return page;
}

// With what it took, or why it cannot be.
template <class Make> server::Page made(BootstrapPage& part, const Make& make) {
    server::Page page;
    try {
        page = make();
    } catch (const query::QueryFault& fault) {
        page.refusal = refusal_of(fault);
    }
    page.work = part.work();
    return page;
}

} // namespace

server::Page bootstrap_page(HistoryReader& rows, const server::PageRequest& request) {
    BootstrapPage part(rows, request, Snapshot(rows, request));
    return made(part, [&] { return part.next(request.progress); });
}

server::Page conclude_bootstrap(HistoryReader& rows, const server::PageRequest& request,
                                const Snapshot& snapshot) {
    BootstrapPage part(rows, request, snapshot, kLastPart);
    return made(part, [&] { return part.last(request.progress); });
}

} // namespace realmsync::partitions
