// Uploads of flexible sync: each change is judged before it is merged and after it is applied,
// object by object, and what is not let through is dropped and taken back at the client
// (flexible-sync.md 9, 17.6; docs/internals/flexible-sync.md, "Judge").
#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "partitions/flexible_judging.hpp"
#include "query/values/no_objects.hpp"

namespace realmsync::partitions {

namespace {

constexpr std::uint64_t kReadObject = 5'000; // ns, by its key

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

// The changes of one upload to one object.
struct PartitionDb::Write {
    Name name;                // borrowed from the changeset
    std::uint32_t number = 0; // in Touched
    bool creates = false, erases = false;
    bool existed = false;
    std::vector<model::Value> before; // what the judge asks and images have
    bool is_dropped = false;
    // Sent as it is, so that the file has it whatever it has done to it: what was not let through,
    // and what the file has lost.
    bool is_taken_back = false;
    std::optional<views::Rejection> rejection; // why, if the client is told

    views::ObjectWrite shown(const query::Image& image,
                             std::span<const std::size_t> changed) const {
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
        write.rejection =
            judging_.judge(*cls, run_).before(write.shown(write.image(*cls), changed));
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
    images.is_changed = images.existed != images.exists || !are_equal(images.before, images.after);
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
