#include "rules/rights.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "query/tree/normal_form.hpp"
#include "query/tree/tree.hpp"
#include "rules/filter.hpp"
#include "rules/predicates.hpp"

namespace realmsync::rules {

namespace {

bool has_any(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), true) != flags.end();
}

bool has_all(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), false) == flags.end();
}

// Whether an object with these rights is more than a key that one may know.
bool gives_sight(const std::vector<bool>& flags, const model::Class& cls) {
    const std::size_t keys = cls.has_key_property ? 1 : 0;
    return has_all(flags) || std::find(flags.begin() + static_cast<std::ptrdiff_t>(keys),
                                       flags.end(), true) != flags.end();
}

void add(std::vector<bool>& flags, const std::vector<bool>& more) {
    std::transform(flags.begin(), flags.end(), more.begin(), flags.begin(), std::logical_or<>());
}

bool is_said(const query::Predicate& predicate, bool value) {
    const auto* truth = std::get_if<query::Truth>(&predicate.of);
    return truth != nullptr && truth->value == value;
}

} // namespace

ClassRights::ClassRights(const Role* role, const Context& context, model::SchemaPtr schema,
                         const model::Class& cls, Extent extent)
    : schema_(std::move(schema)), cls_(&cls), readable_(cls.properties.size()),
      writable_(cls.properties.size()), seen_by_writers_(cls.properties.size()) {
    static const Expression kAlways(model::Value(true), Use::filter);
    auto given = [](const std::optional<Expression>& of) { return of ? &*of : &kAlways; };
    if (role != nullptr)
        set_fields(*role, extent);
    read_ = filter(role == nullptr ? nullptr : &role->read_filter, context);
    write_ = filter(role == nullptr ? nullptr : &role->write_filter, context);
    insert_ = filter(role == nullptr ? nullptr : given(role->insert), context);
    erase_ = filter(role == nullptr ? nullptr : given(role->erase), context);
    if (write_.bytes == read_.bytes)
        write_ = read_;
    set_view();
    set_identity();
}

// Null: nothing matches.
ClassRights::Filter ClassRights::filter(const Expression* expression,
                                        const Context& context) const {
    Filter made;
    made.predicate = expression == nullptr ? truth(false) : expand(*expression, context, *cls_);
    query::Query query;
    query.schema = schema_;
    query.cls = cls_;
    query.predicate = made.predicate;
    made.bytes = query::canonical_bytes(query);
    made.evaluator = std::make_shared<const query::Evaluator>(schema_, made.predicate);
    return made;
}

void ClassRights::set_fields(const Role& role, Extent extent) {
    for (std::size_t i = 0; i < cls_->properties.size(); ++i) {
        const auto named = role.fields.find(cls_->properties[i].name);
        const FieldRight& right =
            named == role.fields.end() ? role.additional_fields : named->second;
        readable_[i] = role.read.value_or(false) || right.read.value_or(false);
        seen_by_writers_[i] = role.write.value_or(false) || right.write.value_or(false);
    }
    if (extent == Extent::all) {
        writable_ = seen_by_writers_;
        writes_all_ = has_all(writable_);
    }
}

void ClassRights::set_view() {
    const bool sees_by_reading = gives_sight(readable_, *cls_);
    const bool sees_by_writing = gives_sight(seen_by_writers_, *cls_); // write implies read
    std::vector<query::PredicatePtr> seen;
    if (sees_by_reading)
        seen.push_back(read_.predicate);
    if (sees_by_writing)
        seen.push_back(write_.predicate);
    view_ = any_of(std::move(seen));
    set_shown(sees_by_reading, sees_by_writing);
}

void ClassRights::set_shown(bool sees_by_reading, bool sees_by_writing) {
    sees_by_writing = sees_by_writing && !is_said(*write_.predicate, false);
    shown_ = sees_by_reading ? readable_ : seen_by_writers_;
    if (sees_by_reading && sees_by_writing) {
        const bool is_one_filter = write_.evaluator == read_.evaluator;
        if (is_one_filter)
            add(shown_, seen_by_writers_);
        else if (is_said(*write_.predicate, true))
            shown_ = seen_by_writers_;
        else if (!is_said(*read_.predicate, true))
            std::transform(shown_.begin(), shown_.end(), seen_by_writers_.begin(), shown_.begin(),
                           std::logical_and<>());
    }
    if (cls_->has_key_property)
        shown_[0] = true;
}

void ClassRights::set_identity() {
    for (const Filter* part : {&read_, &write_, &insert_, &erase_}) {
        const auto size = static_cast<std::uint64_t>(part->bytes.size());
        for (int shift = 56; shift >= 0; shift -= 8)
            identity_ += static_cast<char>(size >> shift & 0xff);
        identity_ += part->bytes;
    }
    for (std::size_t i = 0; i < readable_.size(); ++i)
        if (readable_[i] || seen_by_writers_[i])
            identity_ += cls_->properties[i].name + (readable_[i] ? '\1' : '\0') +
                         (writable_[i]          ? '\1'
                          : seen_by_writers_[i] ? '\2'
                                                : '\0');
}

bool ClassRights::asks(const Filter& filter, const query::Image& object, query::Run& run) {
    return filter.evaluator->matches(object, run);
}

ObjectRights ClassRights::on(const query::Image& object, query::Run& run) const {
    ObjectRights rights;
    rights.readable.resize(readable_.size());
    rights.writable.resize(writable_.size());
    const bool is_read = has_any(readable_) && asks(read_, object, run);
    const bool is_written =
        has_any(seen_by_writers_) &&
        (write_.evaluator == read_.evaluator && has_any(readable_) ? is_read
                                                                   : asks(write_, object, run));
    if (is_read)
        add(rights.readable, readable_);
    if (is_written) {
        add(rights.readable, seen_by_writers_);
        rights.writable = writable_;
        rights.insert = writes_all_ && asks(insert_, object, run);
        rights.erase = writes_all_ && asks(erase_, object, run);
    }
    rights.is_visible = gives_sight(rights.readable, *cls_) && !rights.readable.empty();
    if (!rights.is_visible)
        rights.readable.assign(readable_.size(), false);
    else if (cls_->has_key_property)
        rights.readable[0] = true;
    return rights;
}

bool ClassRights::writes(const query::Image& object, query::Run& run) const {
    return writes_all_ && asks(write_, object, run);
}

bool ClassRights::may_insert(const query::Image& after, query::Run& run) const {
    return writes(after, run) && asks(insert_, after, run);
}

bool ClassRights::may_update(const query::Image& before, const query::Image& after,
                             std::span<const std::size_t> changed, query::Run& run) const {
    auto is_writable = [this](std::size_t property) { return writable_.at(property); };
    return has_any(writable_) && std::all_of(changed.begin(), changed.end(), is_writable) &&
           asks(write_, before, run) && asks(write_, after, run);
}

bool ClassRights::may_delete(const query::Image& before, query::Run& run) const {
    return writes(before, run) && asks(erase_, before, run);
}

} // namespace realmsync::rules
