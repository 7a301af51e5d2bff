// What one user may do with the objects of a class in one session, by the role that was chosen
// (app-configuration.md 5.1, 5.5). Decided once when the session begins; per object only predicates
// are asked.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/schema.hpp"
#include "query/evaluation/evaluate.hpp"
#include "query/evaluation/run.hpp"
#include "query/values/image.hpp"
#include "rules/expression.hpp"
#include "rules/fields.hpp"

namespace realmsync::rules {

struct FieldRight {
    std::optional<bool> read, write; // not said: no
};

// What a role that sync can use gives (5.4).
struct Role {
    Expression read_filter, write_filter; // of documents
    std::optional<bool> read, write;
    std::optional<Expression> insert, erase; // not said: true
    std::map<std::string, FieldRight, std::less<>> fields;
    FieldRight additional_fields;
};

// How much of what roles give a session has.
enum class Extent : unsigned char {
    all,
    reading, // nothing may be written; what writers see is seen
};

// What views show of the objects that a predicate matches.
struct Sight {
    query::PredicatePtr of;
    Fields fields;
};

// What may be done with one object. Flags by property index.
struct ObjectRights {
    std::vector<bool> readable, writable;
    bool insert = false; // an object like this one
    bool erase = false;
    bool is_visible = false;
};

// A user's rights in a class. Immutable; many threads may ask, each with a run of its own.
class ClassRights {
  public:
    // Null role: no rights. The schema is kept alive. Throws ExpressionFault when a filter becomes
    // too large for this user.
    ClassRights(const Role* role, const Context& context, model::SchemaPtr schema,
                const model::Class& cls, Extent extent = Extent::all);

    const model::Class& cls() const { return *cls_; }
    // The objects that are visible: what the view of a subscription is cut down to.
    const query::PredicatePtr& view() const { return view_; }
    // Objects that the read filter lets through, and those of the write filter.
    const query::PredicatePtr& read_filter() const { return read_.predicate; }
    const query::PredicatePtr& write_filter() const { return write_.predicate; }
    // All that are asked of objects.
    std::array<query::PredicatePtr, 4> filters() const {
        return {read_.predicate, write_.predicate, insert_.predicate, erase_.predicate};
    }

    // The four ask filters of the object, each once. They throw QueryFault (limit) as evaluators
    // do.
    ObjectRights on(const query::Image& object, query::Run& run) const;
    bool may_insert(const query::Image& after, query::Run& run) const;
    // `changed`: indexes of the properties that the change writes.
    bool may_update(const query::Image& before, const query::Image& after,
                    std::span<const std::size_t> changed, query::Run& run) const;
    bool may_delete(const query::Image& before, query::Run& run) const;

    // Fields that views show of every visible object, and those that they show besides of some of
    // them: where the two filters let different objects through, and their fields differ. That of
    // the key is shown with every object, and in neither.
    const Fields& shown() const { return shown_; }
    const std::vector<Sight>& shown_of_some() const { return shown_of_some_; }

    // Whether something can be read or written at all; by property, whatever the object.
    const std::vector<bool>& readable() const { return readable_; }
    const std::vector<bool>& writable() const { return writable_; }

    // Bytes that are equal for rights that are equal: sessions with equal ones share views, and a
    // change of it is a change of the role (flexible-sync.md 10.3). As long as the filters are.
    const std::string& identity() const { return identity_; }

  private:
    // A filter, made ready when it is asked; equal ones are one.
    struct Filter {
        query::PredicatePtr predicate;
        std::string bytes; // of its normal form
        std::shared_ptr<const query::Evaluator> evaluator;
    };

    Filter filter(const Expression* expression, const Context& context) const;
    void set_fields(const Fields& read, const Fields& written, Extent extent);
    void set_view(const Fields& read, const Fields& written);
    void set_shown(std::vector<Sight> sights);
    void set_identity();
    static bool asks(const Filter& filter, const query::Image& object, query::Run& run);
    bool writes(const query::Image& object, query::Run& run) const;

    model::SchemaPtr schema_;
    const model::Class* cls_;
    Filter read_, write_, insert_, erase_;
    std::vector<bool> readable_, writable_;
    std::vector<bool> seen_by_writers_; // `writable_` of a session that may write
    Fields shown_;
    std::vector<Sight> shown_of_some_;
    bool writes_all_ = false;
    query::PredicatePtr view_;
    std::string identity_;
};

} // namespace realmsync::rules
