// Uploads of flexible sync: each change is judged before it is merged and after it is applied,
// object by object, and what is not let through is dropped and taken back at the client
// (flexible-sync.md 9, 17.6; docs/internals/flexible-sync.md, "Judge").
#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_map>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "partitions/partition_db.hpp"
#include "query/evaluation/run.hpp"
#include "query/values/no_objects.hpp"
#include "rules/session_roles.hpp"
#include "views/entry_images.hpp"
#include "views/fold.hpp"
#include "views/judge.hpp"
#include "views/touched.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::partitions {

namespace {

constexpr std::uint64_t kReadObject = 15'000; // ns

// An object by name, as keys of maps: borrowed from a changeset, or from the map.
struct Name {
    std::string_view cls;
    Key key;
    bool operator==(const Name& other) const {
        return cls == other.cls && model::equal(key, other.key);
    }
};
struct HashName {
    std::size_t operator()(const Name& name) const {
        return std::hash<std::string_view>{}(name.cls) * 31 + model::hash(name.key);
    }
};

// Some properties of an object; what lies between them is null.
std::vector<model::Value> copy_of(const query::Image& image, const std::set<std::size_t>& of) {
    std::vector<model::Value> values;
    for (const std::size_t property : of) {
        if (property >= image.cls->properties.size())
            break;
        values.resize(property);
        const model::Value* value = image.find(property);
        values.push_back(value != nullptr ? value->clone()
                                          : model::zero_value(image.cls->properties[property]));
    }
    return values;
}

bool are_equal(const std::vector<model::Value>& a, const std::vector<model::Value>& b) {
    std::string bytes_of_a, bytes_of_b;
    for (const model::Value& value : a)
        views::put_value(bytes_of_a, value);
    for (const model::Value& value : b)
        views::put_value(bytes_of_b, value);
    return bytes_of_a == bytes_of_b;
}

} // namespace

// Decides for the changes of one request. What happened to their objects since they were made is
// read once for all of them.
class PartitionDb::Judging {
  public:
    Judging(PartitionDb& db, PartitionId id, const server::AppendRequest& request, Work& work)
        : db_(db), id_(id), file_(request.file_ident), roles_(request.roles), work_(work),
          views_(db.shown_views(id, request.file_ident)) {
        for (ShownView& shown : views_)
            db.view_of(id, shown);
        if (!request.changesets.empty())
            read_past(request);
    }

    // The rights and the view that count, by the schema of the moment.
    void adopt(const model::SchemaPtr& schema) {
        schema_ = schema;
        rights_ = roles_->rights(schema);
    }
    const views::View& view() const { return views_.empty() ? kNothing : *views_.back().view; }
    const model::Schema& schema() const { return *schema_; }

    // What images have of the touched classes, and what is asked of their objects by the judge.
    query::Needs needs(const views::Touched& touched) {
        query::Needs needs;
        for (const views::TouchedObject& object : touched.objects()) {
            const model::Class* cls = schema_->find(object.table);
            if (cls == nullptr || cls->embedded() || needs.properties.contains(cls))
                continue;
            std::set<std::size_t>& properties = needs.properties[cls];
            const auto& asked = db_.asked(id_, *schema_);
            if (const auto found = asked.find(cls->name); found != asked.end())
                properties = found->second;
            if (const views::ClassView* shown = view().find(cls->name))
                properties.insert(shown->asked.begin(), shown->asked.end());
            if (const rules::ClassRights* rights = rights_of(*cls))
                for (const query::PredicatePtr& filter : rights->filters())
                    add(needs_of(*filter), *cls, properties);
            if (const auto& indexed = db_.settings_.queryable.indexed)
                if (const std::size_t at = cls->find(*indexed); at != model::Class::npos)
                    properties.insert(at);
        }
        return needs;
    }
    views::Judge judge(const model::Class& cls, query::Run& run) const {
        return {view(), rights_of(cls), run};
    }

    // Whether the file has lost the change, in its own merge: since it was made the object was
    // erased there, and perhaps made anew, by what the file was sent or will be.
    bool is_lost(const Name& name, std::uint64_t base, const query::Image* now);

    // An entry of the file itself, from this request.
    void note_entry(std::uint64_t version, std::string_view images) {
        add_steps(version, true, images, *db_.store_->schema(id_));
    }

    // What the file has been sent of an entry, or will be, as it is: nothing of what a bootstrap
    // stands for, and of what its view does not show.
    changeset::Changeset shown(std::uint64_t version, const changeset::Changeset& changeset);

    // The object was not let through: later changes of it, made before that is known, are lost.
    void note_rejected(const Name& name, std::uint64_t version) {
        rejected_[{std::string(name.cls), views::key_bytes(name.key)}] = version;
    }

  private:
    struct Step { // an entry that has touched an object
        std::uint64_t version;
        bool is_own;
        views::ObjectImages images;
    };

    const rules::ClassRights* rights_of(const model::Class& cls) const {
        const auto found = rights_.find(cls.name);
        return found == rights_.end() ? nullptr : found->second.get();
    }
    static void add(const query::Needs& more, const model::Class& cls,
                    std::set<std::size_t>& properties) {
        if (const auto found = more.properties.find(&cls); found != more.properties.end())
            properties.insert(found->second.begin(), found->second.end());
    }

    void read_past(const server::AppendRequest& request);
    void add_steps(std::uint64_t version, bool is_own, std::string_view images,
                   const model::Schema& schema);
    // The object after `version`, as images show it: the one before the next change, or as it is.
    static views::Presence presence_after(std::uint64_t version, const std::vector<Step>& steps,
                                          const query::Image* now, const views::View& view,
                                          query::Run& run);
    const views::View* plain_view(std::uint64_t version) const; // null: of a bootstrap
    // Whether the file has made the object itself, and nobody else has touched it.
    static bool is_made_by_file(std::uint64_t first, std::uint64_t last,
                                const std::vector<Step>& steps);
    static bool has_crossed(std::uint64_t first, std::uint64_t last, const std::vector<Step>& steps,
                            const views::View& view, query::Run& run);

    static const views::View kNothing;

    PartitionDb& db_;
    const PartitionId id_;
    const std::uint64_t file_;
    const std::shared_ptr<const rules::SessionRoles> roles_;
    Work& work_;
    ShownViews views_; // copies
    model::SchemaPtr schema_;
    views::Rights rights_;
    // Of the objects that the request is about, by class and key; the keys are texts of `steps_`.
    std::unordered_map<Name, std::vector<Step>, HashName> past_;
    std::vector<std::unique_ptr<std::pair<std::string, model::ObjectKey>>> names_; // of past_
    std::map<std::pair<std::string, std::string>, std::uint64_t> rejected_; // when, last
};

const views::View PartitionDb::Judging::kNothing;

void PartitionDb::Judging::read_past(const server::AppendRequest& request) {
    const std::uint64_t head = db_.head(id_).version;
    std::uint64_t base = request.changesets.front().server_version;
    for (const Compensation& compensation : db_.store_->compensations(id_, file_, base))
        note_rejected({compensation.cls, compensation.key.view()}, compensation.version);
    for (const ShownView& shown : views_)
        if (shown.stored.end == 0 || shown.stored.end > base)
            base = std::min(base, shown.stored.first);
    for (const server::UploadedChangeset& upload : request.changesets) {
        const views::Touched touched(upload.changeset);
        for (const views::TouchedObject& object : touched.objects()) {
            const Name borrowed{object.table, object.key};
            if (past_.contains(borrowed))
                continue;
            names_.push_back(std::make_unique<std::pair<std::string, model::ObjectKey>>(
                std::string(object.table), model::ObjectKey(object.key)));
            past_.emplace(Name{names_.back()->first, names_.back()->second.view()},
                          std::vector<Step>());
        }
    }
    if (base >= head)
        return;
    std::set<std::uint64_t> own;
    db_.store_->senders(id_, base + 1, head,
                        [&](std::uint64_t version, std::uint64_t via, bool) {
                            if (via == file_)
                                own.insert(version);
                        });
    const model::SchemaPtr schema = db_.store_->schema(id_);
    db_.store_->images(id_, base, head, [&](std::uint64_t version, std::string_view bytes) {
        work_.spend(1'000 + 10 * bytes.size());
        add_steps(version, own.contains(version), bytes, *schema);
    });
}

void PartitionDb::Judging::add_steps(std::uint64_t version, bool is_own, std::string_view bytes,
                                     const model::Schema& schema) {
    views::EntryImages entry = views::read_images(bytes, schema);
    for (views::ObjectImages& images : entry.objects) {
        const auto found = past_.find({images.cls->name, images.key.view()});
        if (found != past_.end())
            found->second.push_back({version, is_own, std::move(images)});
    }
}

views::Presence PartitionDb::Judging::presence_after(std::uint64_t version,
                                                     const std::vector<Step>& steps,
                                                     const query::Image* now,
                                                     const views::View& view, query::Run& run) {
    for (const Step& step : steps)
        if (step.version > version) {
            const query::Image before = step.images.image_before();
            return view.presence(step.images.existed ? &before : nullptr, run);
        }
    return view.presence(now, run);
}

bool PartitionDb::Judging::has_crossed(std::uint64_t first, std::uint64_t last,
                                       const std::vector<Step>& steps, const views::View& view,
                                       query::Run& run) {
    return std::ranges::any_of(steps, [&](const Step& step) {
        if (step.version <= first || step.version > last)
            return false;
        const query::Image before = step.images.image_before(), after = step.images.image_after();
        return views::is_crossing(view.presence(step.images.existed ? &before : nullptr, run),
                                  view.presence(step.images.exists ? &after : nullptr, run));
    });
}

bool PartitionDb::Judging::is_made_by_file(std::uint64_t first, std::uint64_t last,
                                           const std::vector<Step>& steps) {
    bool is_made = false;
    for (const Step& step : steps) {
        if (step.version <= first || step.version > last)
            continue;
        if (!step.is_own)
            return false;
        if (!is_made && step.images.existed)
            return false;
        is_made = true;
    }
    return is_made;
}

const views::View* PartitionDb::Judging::plain_view(std::uint64_t version) const {
    const views::View* view = nullptr;
    for (const ShownView& shown : views_) {
        const bool is_under_way = shown.stored.end == 0 && &shown == &views_.back();
        if (shown.stored.end == 0 && !is_under_way)
            continue; // was given up
        if (shown.stored.end != 0 && shown.stored.end < version)
            view = shown.view.get();
        else if (shown.stored.start < version)
            return nullptr;
    }
    return view;
}

changeset::Changeset PartitionDb::Judging::shown(std::uint64_t version,
                                                 const changeset::Changeset& changeset) {
    const views::Touched touched(changeset);
    std::vector<bool> keeps(touched.objects().size());
    if (const views::View* view = plain_view(version)) {
        std::unordered_map<std::string, bool> is_visible; // by class and key
        query::NoObjects objects;
        query::Run run(objects);
        const model::SchemaPtr schema = db_.store_->schema(id_);
        db_.store_->images(id_, version - 1, version, [&](std::uint64_t, std::string_view bytes) {
            for (const views::ObjectImages& images : views::read_images(bytes, *schema).objects) {
                const query::Image before = images.image_before(), after = images.image_after();
                is_visible[images.cls->name + '\0' + views::key_bytes(images.key.view())] =
                    views::is_visible(view->presence(images.existed ? &before : nullptr, run),
                                      view->presence(images.exists ? &after : nullptr, run));
            }
        });
        for (std::size_t i = 0; i < keeps.size(); ++i) {
            const views::TouchedObject& object = touched.objects()[i];
            const auto found =
                is_visible.find(std::string(object.table) + '\0' + views::key_bytes(object.key));
            keeps[i] = found != is_visible.end() && found->second;
        }
    }
    return touched.with(keeps);
}

bool PartitionDb::Judging::is_lost(const Name& name, std::uint64_t base, const query::Image* now) {
    const auto rejected = rejected_.find({std::string(name.cls), views::key_bytes(name.key)});
    if (rejected != rejected_.end() && rejected->second > base)
        return true;
    const std::uint64_t head = db_.head(id_).version;
    static const std::vector<Step> kNone;
    const auto found = past_.find(name);
    const std::vector<Step>& steps = found == past_.end() ? kNone : found->second;
    query::NoObjects objects;
    query::Run run(objects);
    const views::View* shown = &kNothing;
    std::uint64_t from = base;
    for (const ShownView& next : views_) {
        if (next.stored.end != 0 && next.stored.end <= base) {
            shown = next.view.get();
            continue;
        }
        if (next.stored.end == 0 && &next != &views_.back())
            continue; // was given up
        const std::uint64_t start = next.stored.start;
        const std::uint64_t end = next.stored.end != 0 ? next.stored.end : head;
        if (has_crossed(from, end, steps, *shown, run))
            return true;
        const views::Presence old = presence_after(start, steps, now, *shown, run);
        const views::Presence after = presence_after(end, steps, now, *next.view, run);
        const auto was_sent = [&](const Step& step) {
            return step.version > start && step.version <= end && !step.is_own;
        };
        const bool is_its_own = is_made_by_file(next.stored.first, end, steps);
        if (after == views::Presence::inside && !is_its_own &&
            (old != views::Presence::inside || std::ranges::any_of(steps, was_sent)))
            return true;
        if ((old == views::Presence::inside || is_its_own) && after == views::Presence::outside)
            return true;
        shown = next.view.get();
        from = end;
    }
    return has_crossed(from, head, steps, *shown, run);
}

// The changes of one upload to one object.
struct PartitionDb::Write {
    Name name; // borrowed from the changeset
    std::uint32_t number = 0; // in Touched
    bool creates = false, erases = false;
    bool existed = false;
    std::vector<model::Value> before; // what the judge asks and images have
    bool is_dropped = false;
    // Sent as it is, so that the file has it whatever it has done to it: what was not let through,
    // and what the file has lost.
    bool is_taken_back = false;
    std::optional<views::Rejection> rejection; // why, if the client is told

    views::ObjectWrite shown(const query::Image& image, std::span<const std::size_t> changed) const {
        return {existed ? &image : nullptr, creates, erases, changed};
    }
    query::Image image(const model::Class& cls) const {
        return {&cls, name.key, before.data(), before.size()};
    }
};

namespace {

std::vector<std::size_t> indexes_of(const std::vector<std::string_view>& names,
                                    const model::Class& cls) {
    std::vector<std::size_t> indexes;
    for (const std::string_view name : names)
        if (const std::size_t at = cls.find(name); at != model::Class::npos)
            indexes.push_back(at);
    return indexes;
}

} // namespace

namespace {

// Others are sent what is stored: no key of an object that was dropped stays behind.
changeset::Changeset without_traces(const changeset::Changeset& changeset) {
    auto bytes = std::make_shared<const std::string>(changeset::encode_interleaved(changeset));
    auto parsed = changeset::parse(std::move(bytes));
    if (!parsed)
        throw ErrorException(parsed.error());
    return std::move(*parsed);
}

} // namespace

// One changeset of an upload: judged, merged, applied and stored.
class PartitionDb::JudgedAppend {
  public:
    JudgedAppend(PartitionDb& db, PartitionId id, server::AppendRequest& one, Judging& judging,
                 Staged& staged, Work& work)
        : db_(db), id_(id), one_(one), upload_(one.changesets.front()), judging_(judging),
          staged_(staged), work_(work), original_(upload_.changeset), touched_(original_),
          run_(objects_) {}

    std::optional<server::Refusal> run() {
        note_writes();
        judge_before();
        if (auto refused = merge())
            return refused;
        store();
        compensate();
        return std::nullopt;
    }

  private:
    void note_writes();
    void judge_before();
    std::optional<server::Refusal> merge();
    bool judge_after();
    std::optional<views::Rejection> rejected_after(const Write& write, const model::Class& cls,
                                                   const query::Image* now) const;
    void note_images(const Write& write, const model::Class& cls, const query::Image* now);
    void store();
    void compensate();

    PartitionDb& db_;
    const PartitionId id_;
    server::AppendRequest& one_;
    server::UploadedChangeset& upload_;
    Judging& judging_;
    Staged& staged_;
    Work& work_;
    const changeset::Changeset original_;
    const views::Touched touched_;
    query::NoObjects objects_;
    mutable query::Run run_;
    std::vector<Write> writes_;
    views::EntryImages images_;
    std::unique_ptr<merge::Transformer> transformer_;
};

void PartitionDb::JudgedAppend::note_writes() {
    std::unordered_map<Name, std::size_t, HashName> positions;
    for (std::uint32_t i = 0; i < touched_.objects().size(); ++i) {
        Write write;
        write.name = {touched_.objects()[i].table, touched_.objects()[i].key};
        write.number = i;
        positions.emplace(write.name, writes_.size());
        writes_.push_back(std::move(write));
    }
    for (const changeset::Instruction& i : original_.instructions) {
        if (i.op != changeset::Op::create_object && i.op != changeset::Op::erase_object)
            continue;
        Write& write = writes_[positions.at({original_.strings[i.table], original_.key(i)})];
        (i.op == changeset::Op::create_object ? write.creates : write.erases) = true;
    }
}

void PartitionDb::JudgedAppend::judge_before() {
    const model::SchemaPtr schema = db_.store_->schema(id_);
    judging_.adopt(schema);
    query::Needs needs = judging_.needs(touched_);
    const auto graph = db_.store_->objects(id_, schema, needs);
    for (Write& write : writes_) {
        work_.spend(2 * kReadObject);
        const model::Class* cls = schema->find(write.name.cls);
        if (cls == nullptr)
            continue; // new with this changeset: there is no object yet
        const query::Image* now = graph->target(*cls, write.name.key);
        if ((write.existed = now != nullptr))
            write.before = copy_of(*now, needs.properties[cls]);
        if (cls->kind == TableKind::asymmetric) { // nothing of it comes back (13)
            write.is_dropped = write.existed || !write.creates;
            continue;
        }
        const auto changed = indexes_of(touched_.properties(write.number), *cls);
        write.rejection = judging_.judge(*cls, run_).before(write.shown(write.image(*cls), changed));
        write.is_dropped = write.is_taken_back =
            write.rejection || (!write.existed && !write.creates) ||
            judging_.is_lost(write.name, upload_.server_version, now);
    }
}

// What is found out afterwards is taken out, and the rest applied anew: objects do not decide about
// each other, so once more is enough.
std::optional<server::Refusal> PartitionDb::JudgedAppend::merge() {
    for (int round = 0;; ++round) {
        REALMSYNC_ASSERT(round < 2);
        std::vector<bool> keeps;
        for (const Write& write : writes_)
            keeps.push_back(!write.is_dropped);
        upload_.changeset = std::ranges::find(keeps, false) == keeps.end()
                                ? original_
                                : without_traces(touched_.with(keeps));
        std::optional<server::Refusal> refused;
        bool is_done = false;
        db_.store_->attempt(
            [&] {
                Merged merged = db_.rebase_and_apply(
                    id_, one_, staged_, work_,
                    [&](std::uint64_t version, const changeset::Changeset& changeset) {
                        return judging_.shown(version, changeset);
                    });
                refused = std::move(merged.refused);
                transformer_ = std::move(merged.transformer);
                return is_done = !refused && judge_after();
            },
            work_);
        if (is_done || refused)
            return refused;
    }
}

bool PartitionDb::JudgedAppend::judge_after() {
    const model::SchemaPtr schema = db_.store_->schema(id_);
    judging_.adopt(schema);
    const auto graph = db_.store_->objects(id_, schema, judging_.needs(touched_));
    images_.objects.clear();
    bool is_right = true;
    for (Write& write : writes_) {
        const model::Class* cls = schema->find(write.name.cls);
        if (write.is_dropped || cls == nullptr)
            continue;
        const query::Image* now = graph->target(*cls, write.name.key);
        write.rejection = rejected_after(write, *cls, now);
        if (write.rejection) {
            write.is_dropped = write.is_taken_back = true;
            is_right = false;
        }
        note_images(write, *cls, now);
    }
    return is_right;
}

std::optional<views::Rejection>
PartitionDb::JudgedAppend::rejected_after(const Write& write, const model::Class& cls,
                                          const query::Image* now) const {
    const query::Image before = write.image(cls);
    const auto& indexed = db_.settings_.queryable.indexed;
    const std::size_t fixed = indexed ? cls.find(*indexed) : model::Class::npos;
    if (fixed != model::Class::npos && write.existed && now != nullptr &&
        !are_equal(copy_of(before, {fixed}), copy_of(*now, {fixed})))
        return views::Rejection::not_allowed;
    const auto changed = indexes_of(touched_.properties(write.number), cls);
    return judging_.judge(cls, run_).after(write.shown(before, changed), now);
}

void PartitionDb::JudgedAppend::note_images(const Write& write, const model::Class& cls,
                                            const query::Image* now) {
    if (cls.kind != TableKind::top_level)
        return;
    const std::set<std::size_t>& asked = db_.asked(id_, judging_.schema())[cls.name];
    views::ObjectImages images;
    images.cls = &cls;
    images.key = model::ObjectKey(write.name.key);
    if ((images.existed = write.existed))
        images.before = copy_of(write.image(cls), asked);
    if ((images.exists = now != nullptr))
        images.after = copy_of(*now, asked);
    images.is_changed =
        images.existed != images.exists || !are_equal(images.before, images.after);
    if (!images.is_changed)
        images.after.clear();
    images_.objects.push_back(std::move(images));
}

void PartitionDb::JudgedAppend::store() {
    const auto is_of_schema = [](const auto& i) { return is_schema(i.op); };
    images_.has_schema = std::ranges::any_of(upload_.changeset.instructions, is_of_schema);
    db_.windows_.keep(id_, one_.file_ident, std::move(transformer_));
    db_.append_to_history(id_, one_, staged_, work_);
    const std::string images = views::write_images(images_);
    db_.store_->insert_images(id_, staged_.head.version, images);
    judging_.note_entry(staged_.head.version, images);
}

void PartitionDb::JudgedAppend::compensate() {
    if (std::ranges::none_of(writes_, &Write::is_taken_back))
        return;
    db_.append_empty(id_);
    const std::uint64_t version = staged_.head.version;
    for (const Write& write : writes_) {
        if (!write.is_taken_back)
            continue;
        db_.store_->add_compensation(
            id_, one_.file_ident,
            {version, upload_.client_version, std::string(write.name.cls),
             model::ObjectKey(write.name.key),
             write.rejection ? views::text_of(*write.rejection, write.name.cls, write.name.key)
                             : std::string()});
        judging_.note_rejected(write.name, version);
    }
}

std::optional<server::Refusal> PartitionDb::integrate_judged(PartitionId id,
                                                             server::AppendRequest& request,
                                                             Staged& staged, Work& work,
                                                             std::string& notice) {
    Judging judging(*this, id, request, work);
    for (server::UploadedChangeset& upload : request.changesets) {
        server::AppendRequest one;
        one.file_ident = request.file_ident;
        one.may_write = request.may_write;
        one.changesets.push_back(upload); // the request keeps its cursors
        upload.changeset = {};
        if (auto refused = prepare(id, one, work, notice))
            return refused;
        if (auto refused = JudgedAppend(*this, id, one, judging, staged, work).run())
            return refused;
    }
    return std::nullopt;
}

} // namespace realmsync::partitions
