// Uploads of flexible sync: each change is judged before it is merged and after it is applied,
// object by object, and what is not let through is dropped and taken back at the client
// (flexible-sync.md 9, 17.6; docs/internals/flexible-sync.md, "Judge").
#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/assert.hpp"
#include "base/sorted_unique.hpp"
#include "changeset/codec.hpp"
#include "model/keys.hpp"
#include "partitions/flexible_judging.hpp"
#include "query/values/no_objects.hpp"

namespace realmsync::partitions {

namespace {

// What the steps take, in ns: judging the change of an object, before it is applied or after; a
// byte of its images. Reading objects is paid for where it is done.
constexpr std::uint64_t kJudge = 500;
constexpr std::uint64_t kImageByte = 10;

// What it may take to find out whose views a changeset concerns, in steps of queries: for each
// predicate and image, for each changeset, and for each image on top of that. Whoever has not been
// asked by then looks at the change himself.
constexpr std::uint64_t kConcernOfPredicate = 20'000, kConcern = 100'000;
constexpr std::uint64_t kConcernOfImage = 1'000;

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

bool is_equal(const model::Value& a, const model::Value& b) { // to the bit
    std::string bytes_of_a, bytes_of_b;
    views::put_value(bytes_of_a, a);
    views::put_value(bytes_of_b, b);
    return bytes_of_a == bytes_of_b;
}

} // namespace

// The changes of one upload to one object.
struct PartitionDb::Write {
    Name name; // borrowed from the changeset
    bool creates = false, erases = false;
    bool existed = false;
    std::vector<model::Value> before; // what the judge asks and images have
    bool is_dropped = false;
    // As it is, so that the file has it whatever it has done to it: what was not let through, and
    // what the file has lost, be it dropped here, too, or not.
    bool is_sent_anew = false;
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

changeset::Changeset parsed(std::string bytes) {
    return value_or_throw(changeset::parse(std::make_shared<const std::string>(std::move(bytes))));
}

// Others are sent what is stored: no key of an object that was dropped stays behind.
changeset::Changeset without_traces(const changeset::Changeset& changeset) {
    return parsed(changeset::encode_interleaved(changeset));
}

// The instructions of both, in this order; the second ones have no paths and no links.
changeset::Changeset joined(changeset::Changeset first, const changeset::Changeset& second) {
    std::unordered_map<std::string_view, changeset::StringId> ids; // no string is there twice
    for (const std::string_view text : first.strings)
        ids.emplace(text, static_cast<changeset::StringId>(ids.size()));
    const auto id_in_first = [&](changeset::StringId id) {
        const auto [at, is_new] = ids.emplace(second.strings[id], first.strings.size());
        if (is_new)
            first.strings.push_back(at->first);
        return at->second;
    };
    std::ranges::copy(second.buffers, std::back_inserter(first.buffers));
    for (changeset::Instruction i : second.instructions) {
        REALMSYNC_ASSERT(i.path_size == 0 && i.value_type != Type::link);
        i.table = id_in_first(i.table);
        i.field = id_in_first(i.field);
        if (!is_schema(i.op) && i.key_type == Type::string)
            i.key.string = id_in_first(i.key.string);
        first.instructions.push_back(i);
    }
    first.encoded_size = 0;
    return first;
}

} // namespace

// One changeset of an upload: judged, merged, applied and stored.
class PartitionDb::JudgedAppend {
  public:
    // `completion`: what the upload has been completed with, which its client does not know.
    JudgedAppend(PartitionDb& db, PartitionId id, server::AppendRequest& one, Judging& judging,
                 Staged& staged, const changeset::Changeset& completion, Work& work)
        : db_(db), id_(id), one_(one), upload_(one.changesets.front()), judging_(judging),
          staged_(staged), completion_(completion), work_(work), original_(upload_.changeset),
          touched_(original_),
          concern_(objects_, {.object = kConcernOfPredicate,
                              .run = kConcern + 2 * kConcernOfImage * touched_.objects().size(),
                              .free = 0}),
          images_(has_schema()) {}

    // `is_last`: of its request.
    std::optional<server::Refusal> run(bool is_last) {
        note_writes();
        judge_before();
        if (auto refused = merge())
            return refused;
        store(is_last);
        if (!completion_.instructions.empty())
            tell_completion(is_last);
        compensate();
        return std::nullopt;
    }

  private:
    static bool has_schema(const changeset::Changeset& changeset) {
        return std::ranges::any_of(changeset.instructions,
                                   [](const auto& i) { return is_schema(i.op); });
    }
    bool has_schema() const { return has_schema(original_); }
    void note_writes();
    void judge_before();
    std::optional<server::Refusal> merge();
    bool judge_after();
    std::optional<views::Rejection> rejected_after(std::uint32_t number, const model::Class& cls,
                                                   const query::Image* now);
    std::span<const std::size_t> changed(std::uint32_t number, const model::Class& cls);
    void note_concerned(const query::Image* image);
    void store(bool is_last);
    void tell_completion(bool is_last);
    void compensate();

    PartitionDb& db_;
    const PartitionId id_;
    server::AppendRequest& one_;
    server::UploadedChangeset& upload_;
    Judging& judging_;
    Staged& staged_;
    const changeset::Changeset& completion_;
    Work& work_;
    const changeset::Changeset original_;
    const views::Touched touched_;
    query::NoObjects objects_;
    query::Run concern_;
    std::vector<Write> writes_;        // as in touched_
    std::vector<std::uint32_t> order_; // by class and key, as objects are read quickly
    views::ImageWriter images_;
    views::ImageWriter completed_{false};        // the same, of what is told with the completion
    std::vector<views::ViewGroupPtr> concerned_; // some twice
    std::size_t most_concerned_ = 0;             // before they are sorted out
    std::vector<std::string_view> names_;        // scratch of changed()
    std::vector<std::size_t> properties_;
    std::unique_ptr<merge::Transformer> transformer_;
};

void PartitionDb::JudgedAppend::note_writes() {
    writes_.resize(touched_.objects().size());
    for (std::size_t i = 0; i < writes_.size(); ++i)
        writes_[i].name = {touched_.objects()[i].table, touched_.objects()[i].key};
    for (std::size_t i = 0; i < original_.instructions.size(); ++i) {
        const changeset::Op op = original_.instructions[i].op;
        if (op == changeset::Op::create_object)
            writes_[touched_.object_of(i)].creates = true;
        else if (op == changeset::Op::erase_object)
            writes_[touched_.object_of(i)].erases = true;
    }
    order_.resize(writes_.size());
    std::iota(order_.begin(), order_.end(), 0U);
    const auto is_before = [&](std::uint32_t a, std::uint32_t b) {
        const Name &left = writes_[a].name, &right = writes_[b].name;
        const int order = left.cls.compare(right.cls);
        return order != 0 ? order < 0 : model::compare(left.key, right.key) < 0;
    };
    if (!std::ranges::is_sorted(order_, is_before))
        std::ranges::sort(order_, is_before);
}

void PartitionDb::JudgedAppend::judge_before() {
    using Loss = Judging::Loss;
    const model::SchemaPtr schema = db_.store_->schema(id_);
    judging_.adopt(schema);
    query::Needs needs = judging_.needs(touched_);
    const auto objects = db_.store_->objects(id_, schema, needs, work_);
    for (const std::uint32_t number : order_) {
        work_.spend(kJudge);
        Write& write = writes_[number];
        const model::Class* cls = schema->find(write.name.cls);
        if (cls == nullptr)
            continue; // new with this changeset: there is no object yet
        const query::Image* now = objects->find(*cls, write.name.key);
        if ((write.existed = now != nullptr))
            write.before = copy_of(*now, needs.properties[cls]);
        if (cls->kind == TableKind::asymmetric) { // nothing of it comes back (13)
            write.is_dropped = write.existed || !write.creates;
            continue;
        }
        if (write.existed)
            write.rejection =
                judging_.judge(*cls).before(write.shown(write.image(*cls), changed(number, *cls)));
        else
            write.rejection = judging_.judge(*cls).before(write.shown({}, {}));
        Loss loss = Loss::contradicted;
        if (!write.rejection && (write.existed || write.creates))
            loss = judging_.loss_of(write.name, upload_.server_version, now, changed(number, *cls));
        judging_.pay();
        write.is_dropped = loss == Loss::contradicted;
        write.is_sent_anew = loss != Loss::none;
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
        if (std::ranges::find(keeps, false) != keeps.end())
            upload_.changeset = without_traces(touched_.with(keeps));
        std::optional<server::Refusal> refused;
        bool is_done = false;
        db_.store_->attempt(
            [&] {
                Merged merged =
                    db_.rebase_and_apply(id_, one_, staged_, work_,
                                         [&](std::uint64_t version, std::string_view images,
                                             const changeset::Changeset& changeset) {
                                             return judging_.shown(version, images, changeset);
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
    const auto objects = db_.store_->objects(id_, schema, judging_.needs(touched_), work_);
    images_ = views::ImageWriter(has_schema());
    completed_ = views::ImageWriter(has_schema(completion_));
    concerned_.clear();
    const auto& asked = db_.asked(id_, *schema);
    static const std::set<std::size_t> kNothing;
    bool is_right = true;
    for (const std::uint32_t number : order_) {
        work_.spend(kJudge);
        Write& write = writes_[number];
        const model::Class* cls = schema->find(write.name.cls);
        if (write.is_dropped || cls == nullptr)
            continue;
        // Nothing outlives an erasure but what others have erased and made anew meanwhile.
        const bool is_gone = write.erases && !write.creates &&
                             !judging_.is_touched_by_others(write.name, upload_.server_version);
        const query::Image* now = is_gone ? nullptr : objects->find(*cls, write.name.key);
        write.rejection = rejected_after(number, *cls, now);
        judging_.pay();
        if (write.rejection) {
            write.is_dropped = write.is_sent_anew = true;
            is_right = false;
        }
        // What it has made fell to others' erasure of the same name: of that no image tells.
        if (write.creates && !write.existed && now == nullptr && !is_gone)
            write.is_sent_anew = true;
        if (cls->kind != TableKind::top_level)
            continue;
        const auto of = asked.find(cls->name);
        const query::Image before = write.image(*cls);
        note_concerned(write.existed ? &before : nullptr);
        note_concerned(now);
        images_.add(*cls, write.name.key, write.existed ? &before : nullptr, now,
                    of != asked.end() ? of->second : kNothing);
        if (!completion_.instructions.empty() && now != nullptr)
            completed_.add(*cls, write.name.key, now, now,
                           of != asked.end() ? of->second : kNothing);
    }
    return is_right;
}

// Whose view may have the object, or had it: that costs the predicates that its values pin.
void PartitionDb::JudgedAppend::note_concerned(const query::Image* image) {
    constexpr std::size_t kMany = 10'000; // among which many are the same
    if (image == nullptr)
        return;
    for (views::ViewGroupPtr& group : db_.indexes_[id_].groups_of(*image, concern_))
        concerned_.push_back(std::move(group));
    if (concerned_.size() >= most_concerned_) {
        sort_unique(concerned_);
        most_concerned_ = 2 * concerned_.size() + kMany;
    }
}

std::optional<views::Rejection> PartitionDb::JudgedAppend::rejected_after(std::uint32_t number,
                                                                          const model::Class& cls,
                                                                          const query::Image* now) {
    const Write& write = writes_[number];
    const query::Image before = write.image(cls);
    const auto& indexed = db_.settings_.queryable.indexed;
    const std::size_t fixed = indexed ? cls.find(*indexed) : model::Class::npos;
    if (fixed != model::Class::npos && write.existed && now != nullptr) {
        const model::Value *was = before.find(fixed), *is = now->find(fixed);
        const model::Value zero = model::zero_value(cls.properties[fixed]);
        if (!is_equal(was != nullptr ? *was : zero, is != nullptr ? *is : zero))
            return views::Rejection::not_allowed;
    }
    return judging_.judge(cls).after(write.shown(before, changed(number, cls)), now);
}

// Properties that the instructions on an object write, by index; until the next call.
std::span<const std::size_t> PartitionDb::JudgedAppend::changed(std::uint32_t number,
                                                                const model::Class& cls) {
    touched_.properties(number, names_);
    properties_.clear();
    for (const std::string_view name : names_)
        if (const std::size_t at = cls.find(name); at != model::Class::npos)
            properties_.push_back(at);
    return properties_;
}

void PartitionDb::JudgedAppend::store(bool is_last) {
    db_.windows_.keep(id_, one_.file_ident, std::move(transformer_));
    db_.append_to_history(id_, one_, staged_, work_);
    const auto images = std::make_shared<const std::string>(images_.bytes());
    work_.spend(kImageByte * images->size());
    db_.store_->insert_images(id_, staged_.head.version, *images);
    staged_.entries.back().images = images;
    if (!is_last)
        judging_.note_entry(staged_.head.version, *images);
    if (has_schema() || !concerned_.empty()) {
        sort_unique(concerned_);
        staged_.concerns.push_back({staged_.head.version, std::move(concerned_), has_schema()});
    }
}

// As a change of ours behind the upload: the same values again, which its client is sent, too.
void PartitionDb::JudgedAppend::tell_completion(bool is_last) {
    const views::Touched touched(completion_);
    std::vector<bool> keeps(touched.objects().size());
    const std::size_t count = completion_.instructions.size();
    const std::size_t begin = original_.instructions.size() - count;
    for (std::size_t i = 0; i < count; ++i)
        if (!is_schema(completion_.instructions[i].op))
            keeps[touched.object_of(i)] = !writes_[touched_.object_of(begin + i)].is_dropped;
    if (std::ranges::find(keeps, true) == keeps.end())
        return;
    db_.append_own(id_, changeset::encode_interleaved(touched.with(keeps)),
                   upload_.origin_timestamp, work_);
    const std::string& images = completed_.bytes();
    work_.spend(kImageByte * images.size());
    db_.store_->insert_images(id_, staged_.head.version, images);
    if (!is_last)
        judging_.note_entry(staged_.head.version, images);
    if (!staged_.concerns.empty()) { // those of the upload
        server::Concern concern = staged_.concerns.back();
        concern.version = staged_.head.version;
        staged_.concerns.push_back(std::move(concern));
    }
}

void PartitionDb::JudgedAppend::compensate() {
    if (std::ranges::none_of(writes_, &Write::is_sent_anew))
        return;
    db_.append_empty(id_);
    const std::uint64_t version = staged_.head.version;
    for (const Write& write : writes_) {
        if (!write.is_sent_anew)
            continue;
        db_.store_->add_compensation(
            id_, one_.file_ident,
            {version, write.is_dropped ? upload_.client_version : Compensation::kKept,
             std::string(write.name.cls), model::ObjectKey(write.name.key),
             write.rejection ? views::text_of(*write.rejection, write.name.cls, write.name.key)
                             : std::string(),
             upload_.server_version});
        if (write.is_dropped)
            judging_.note_rejected(write.name, version);
        else
            judging_.note_sent_anew(write.name, version, upload_.server_version);
    }
}

std::optional<server::Refusal> PartitionDb::integrate_judged(PartitionId id,
                                                             server::AppendRequest& request,
                                                             Staged& staged, Work& work,
                                                             std::string& notice) {
    Judging judging(*this, id, request, work);
    if (!request.changesets.empty() && !judging.knows(request.changesets.front().server_version))
        return server::Refusal{
            wire::Code::client_file_expired,
            "Client file expired (UPLOAD): too many query sets of it have come since."};
    for (server::UploadedChangeset& upload : request.changesets) {
        server::AppendRequest one;
        one.file_ident = request.file_ident;
        one.may_write = request.may_write;
        one.changesets.push_back({upload.client_version, upload.server_version,
                                  upload.origin_timestamp, upload.origin_file_ident,
                                  std::exchange(upload.changeset, {})});
        if (auto refused = prepare(id, one, work, notice))
            return refused;
        changeset::Changeset completion;
        if ((one.migrated_from = request.migrated_from)) {
            completion = parsed(correct_partition(id, one, work));
            changeset::Changeset& changeset = one.changesets.front().changeset;
            if (!completion.instructions.empty())
                changeset = joined(std::move(changeset), completion);
        }
        const bool is_last = &upload == &request.changesets.back();
        if (auto refused =
                JudgedAppend(*this, id, one, judging, staged, completion, work).run(is_last))
            return refused;
    }
    return std::nullopt;
}

} // namespace realmsync::partitions
