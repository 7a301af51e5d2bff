#include "rules/reader.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/sorted_unique.hpp"
#include "base/utf8.hpp"

namespace realmsync::rules {

namespace {

using model::Value;

constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMaxNodes = 100'000;

// For messages: names come from outside, and may be long.
std::string quoted(std::string_view name) {
    constexpr std::size_t kShown = 60;
    if (name.size() > kShown) {
        name = name.substr(0, kShown);
        return "'" + std::string(name.substr(0, utf8_valid_prefix(name))) + "…'";
    }
    return "'" + std::string(name) + "'";
}

std::string_view kind_name(const Value& value) {
    switch (value.type()) {
    case Type::null: return "null";
    case Type::boolean: return "a boolean";
    case Type::integer:
    case Type::float32:
    case Type::float64:
    case Type::decimal: return "a number";
    case Type::string: return "a text";
    case Type::list: return "an array";
    case Type::dictionary: return "an object";
    default: return "a constant";
    }
}

template <class T> struct Named {
    std::string_view name;
    T value;
};

template <class T, std::size_t N>
std::optional<T> find(const std::array<Named<T>, N>& table, std::string_view name) {
    for (const Named<T>& entry : table)
        if (entry.name == name)
            return entry.value;
    return std::nullopt;
}

constexpr std::array<Named<Comparator>, 10> kComparators = {{{"eq", Comparator::eq},
                                                             {"ne", Comparator::ne},
                                                             {"gt", Comparator::gt},
                                                             {"gte", Comparator::gte},
                                                             {"lt", Comparator::lt},
                                                             {"lte", Comparator::lte},
                                                             {"in", Comparator::in},
                                                             {"nin", Comparator::nin},
                                                             {"all", Comparator::all},
                                                             {"exists", Comparator::exists}}};

constexpr std::array<Named<Conversion>, 5> kConversions = {
    {{"stringToOid", Conversion::string_to_object_id},
     {"stringToObjectId", Conversion::string_to_object_id},
     {"oidToString", Conversion::object_id_to_string},
     {"stringToUuid", Conversion::string_to_uuid},
     {"uuidToString", Conversion::uuid_to_string}}};

constexpr std::array<Named<Expansion::Root>, 10> kRoots = {
    {{"user", Expansion::Root::user},
     {"values", Expansion::Root::values},
     {"environment", Expansion::Root::environment},
     {"partition", Expansion::Root::partition},
     {"request", Expansion::Root::request},
     {"root", Expansion::Root::nowhere},
     {"this", Expansion::Root::nowhere},
     {"prevRoot", Expansion::Root::nowhere},
     {"prev", Expansion::Root::nowhere},
     {"args", Expansion::Root::nowhere}}};

constexpr std::array<Named<Junction::Kind>, 3> kJunctions = {
    {{"and", Junction::Kind::all}, {"or", Junction::Kind::any}, {"nor", Junction::Kind::none}}};

bool has_prefix(std::string_view name) { return name.starts_with('%') || name.starts_with('$'); }
bool is_expansion(std::string_view text) { return text.starts_with("%%"); }

// What is written behind the prefix of an operator.
std::string_view operator_name(std::string_view key) {
    return has_prefix(key) && !is_expansion(key) ? key.substr(1) : std::string_view();
}

// Names of properties begin so. What else stands in the place of one is an operator of another
// language: !=, ==, &&.
bool begins_name(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           byte >= 0x80;
}

class Reader {
  public:
    explicit Reader(Use use) : use_(use) {}

    Tree read(const Value& json) {
        tree_.root = expression(json, 0);
        if (misplaced_)
            throw ExpressionFault(*misplaced_, true);
        sort_unique(tree_.fields);
        sort_unique(tree_.functions);
        return std::move(tree_);
    }

  private:
    using Entries = std::map<std::string, Value, std::less<>>;

    void enter(std::size_t depth) {
        if (depth > kMaxDepth)
            throw ExpressionFault("the expression nests deeper than " + std::to_string(kMaxDepth) +
                                  " levels");
        if (++nodes_ > kMaxNodes)
            throw ExpressionFault("the expression has more than " + std::to_string(kMaxNodes) +
                                  " parts");
    }

    Node expression(const Value& json, std::size_t depth) {
        enter(depth);
        if (const auto* flag = std::get_if<bool>(&json.data))
            return {*flag};
        if (const auto* text = std::get_if<std::string>(&json.data)) {
            if (*text == "%%true" || *text == "%%false")
                return {*text == "%%true"};
            throw ExpressionFault("the text " + quoted(*text) + " is no expression");
        }
        const model::Dictionary* object = json.dictionary();
        if (object == nullptr)
            throw ExpressionFault("an expression is true, false or an object, not " +
                                  std::string(kind_name(json)));
        Junction all;
        for (const auto& [key, value] : object->items)
            all.members.push_back(entry(key, value, depth + 1));
        return joined(std::move(all));
    }

    static Node joined(Junction all) {
        if (all.members.size() == 1) {
            Node only = std::move(all.members.front());
            return only;
        }
        return {std::move(all)};
    }

    Node entry(const std::string& key, const Value& value, std::size_t depth) {
        if (has_prefix(key) && !is_expansion(key))
            return logic(key, value, depth);
        return right(subject(key), value, depth);
    }

    Node logic(const std::string& key, const Value& value, std::size_t depth) {
        const std::string_view name = operator_name(key);
        if (name == "not")
            return negated(expression(value, depth));
        const std::optional<Junction::Kind> kind = find(kJunctions, name);
        if (!kind)
            throw ExpressionFault(find(kComparators, name) || is_value_operator(name)
                                      ? "the operator " + quoted(key) +
                                            " needs a field or expansion before it"
                                      : "unknown operator " + quoted(key));
        Junction junction{*kind, {}};
        for (const Value& member : members_of(key, value))
            junction.members.push_back(expression(member, depth + 1));
        return {std::move(junction)};
    }

    static const model::Sequence<Value>& members_of(const std::string& key, const Value& value) {
        if (value.list() == nullptr)
            throw ExpressionFault(quoted(key) + " takes an array, not " +
                                  std::string(kind_name(value)));
        return value.list()->items;
    }

    static Node negated(Node node) {
        Junction none{Junction::Kind::none, {}};
        none.members.push_back(std::move(node));
        return {std::move(none)};
    }

    std::shared_ptr<const Subject> subject(const std::string& key) {
        if (key == "%%true" || key == "%%false")
            return std::make_shared<const Subject>(key == "%%true");
        if (is_expansion(key))
            return std::make_shared<const Subject>(expansion(key));
        if (key.empty() || !begins_name(key[0]))
            throw ExpressionFault(quoted(key) + " is neither a field nor an operator");
        if (key.find("%%") != std::string::npos)
            throw ExpressionFault(quoted(key) + " has %% inside");
        if (use_ == Use::filter && key.find('.') != std::string::npos)
            misplace("the field " + quoted(key) + " is not at the top level of the document");
        about_document("the field " + quoted(key), use_ == Use::filter);
        tree_.fields.push_back(key);
        return std::make_shared<const Subject>(Field{key});
    }

    // A document, or something else that is there only in some places, is spoken of.
    void about_document(const std::string& what, bool is_allowed) {
        if (is_allowed)
            return;
        if (use_ == Use::apply_when)
            tree_.speaks_of_document = true;
        else if (use_ == Use::filter)
            misplace(what + " is nothing that a filter can speak of");
        else
            throw ExpressionFault(what + " is not there when this expression is asked");
    }

    void misplace(std::string why) { // what is malformed is told first
        if (!misplaced_)
            misplaced_ = std::move(why);
    }

    Expansion expansion(const std::string& text) {
        std::string_view rest = std::string_view(text).substr(2);
        if (rest.find("%%") != std::string_view::npos)
            throw ExpressionFault(quoted(text) + " has %% inside");
        Expansion result;
        const std::string_view root = rest.substr(0, rest.find('.'));
        const std::optional<Expansion::Root> found = find(kRoots, root);
        if (!found)
            throw ExpressionFault("unknown expansion " + quoted(text));
        result.root = *found;
        while (rest.find('.') != std::string_view::npos) {
            rest.remove_prefix(rest.find('.') + 1);
            const std::string_view step = rest.substr(0, rest.find('.'));
            if (step.empty())
                throw ExpressionFault("the expansion " + quoted(text) + " has an empty name in it");
            if (result.path.size() == kMaxDepth)
                throw ExpressionFault("the expansion " + quoted(text) + " is too long");
            result.path.emplace_back(step);
        }
        if (result.root == Expansion::Root::partition)
            about_document(quoted(text), use_ == Use::partition);
        else if (result.root == Expansion::Root::request)
            about_document(quoted(text), use_ == Use::can_evaluate);
        else if (result.root == Expansion::Root::nowhere)
            about_document(quoted(text), false);
        else if (use_ == Use::filter && result.root == Expansion::Root::user &&
                 !result.path.empty() && result.path.front() == "identities")
            about_document(quoted(text), false);
        return result;
    }

    static bool is_value_operator(std::string_view name) {
        return name == "function" || find(kConversions, name);
    }
    // Whether an object is a conversion or a call, which stand for a value.
    static bool is_value(const Entries& entries) {
        return entries.size() == 1 && is_value_operator(operator_name(entries.begin()->first));
    }

    Node right(const std::shared_ptr<const Subject>& subject, const Value& json,
               std::size_t depth) {
        enter(depth);
        const model::Dictionary* object = json.dictionary();
        if (object == nullptr || is_value(object->items))
            return {Test{subject, Comparator::eq, term(json, depth, true)}};
        if (object->items.empty())
            throw ExpressionFault("an empty object stands where a value or operators belong");
        Junction all;
        for (const auto& [key, value] : object->items)
            all.members.push_back(operation(subject, key, value, depth + 1));
        return joined(std::move(all));
    }

    Node operation(const std::shared_ptr<const Subject>& subject, const std::string& key,
                   const Value& value, std::size_t depth) {
        const std::string_view name = operator_name(key);
        if (name == "not")
            return negated(inner(subject, value, depth));
        if (const std::optional<Junction::Kind> kind = find(kJunctions, name)) {
            Junction junction{*kind, {}};
            for (const Value& member : members_of(key, value))
                junction.members.push_back(inner(subject, member, depth + 1));
            return {std::move(junction)};
        }
        const std::optional<Comparator> op = find(kComparators, name);
        if (!op)
            throw ExpressionFault(is_value_operator(name)
                                      ? quoted(key) + " does not stand beside other operators"
                                      : "unknown operator " + quoted(key));
        Test test{subject, *op, term(value, depth, true)};
        const auto* literal = std::get_if<Value>(&test.right.of);
        if (op == Comparator::exists && literal != nullptr && literal->type() != Type::boolean)
            throw ExpressionFault(quoted(key) + " takes true or false, not " +
                                  std::string(kind_name(*literal)));
        return {std::move(test)};
    }

    // What stands within and, or, nor and not of a right side.
    Node inner(const std::shared_ptr<const Subject>& subject, const Value& json,
               std::size_t depth) {
        if (json.dictionary() == nullptr)
            throw ExpressionFault("operators stand within and, or, nor and not, not " +
                                  std::string(kind_name(json)));
        return right(subject, json, depth);
    }

    Term term(const Value& json, std::size_t depth, bool may_call) {
        enter(depth);
        switch (json.type()) {
        case Type::string: return text(std::get<std::string>(json.data));
        case Type::list: return array(json.list()->items, depth, may_call);
        case Type::dictionary: break;
        case Type::link:
        case Type::set:
        case Type::object_value:
            throw ExpressionFault("a constant of a kind that rules do not have");
        default: return {json.clone()};
        }
        const Entries& entries = json.dictionary()->items;
        if (!is_value(entries))
            throw ExpressionFault("an object stands where a value belongs");
        const auto& [key, operand] = *entries.begin();
        if (operator_name(key) == "function")
            return call(operand, depth + 1, may_call);
        return conversion(key, operand, depth + 1);
    }

    Term text(const std::string& text) {
        if (text == "%%true" || text == "%%false")
            return {Value(text == "%%true")};
        if (is_expansion(text))
            return {expansion(text)};
        if (text.find("%%") != std::string::npos)
            throw ExpressionFault(quoted(text) + " has %% inside");
        return {Value(text)};
    }

    Term array(const model::Sequence<Value>& items, std::size_t depth, bool may_call) {
        Term::Array result;
        bool is_literal = true;
        for (const Value& item : items) {
            result.items.push_back(term(item, depth + 1, may_call));
            is_literal &= std::holds_alternative<Value>(result.items.back().of);
        }
        if (!is_literal)
            return {std::move(result)};
        Value list = Value::empty(Type::list);
        for (Term& item : result.items)
            list.list()->items.push_back(std::move(std::get<Value>(item.of)));
        return {std::move(list)};
    }

    Term conversion(const std::string& key, const Value& operand, std::size_t depth) {
        if (operand.is_container())
            throw ExpressionFault(quoted(key) + " takes a constant or an expansion, not " +
                                  std::string(kind_name(operand)));
        return {Term::Converted{*find(kConversions, operator_name(key)),
                                std::make_unique<Term>(term(operand, depth, false))}};
    }

    Term call(const Value& operand, std::size_t depth, bool may_call) {
        if (!may_call)
            throw ExpressionFault("a function is called within the arguments of another");
        const model::Dictionary* object = operand.dictionary();
        if (object == nullptr)
            throw ExpressionFault("'function' takes an object with name and arguments");
        CallSite site;
        for (const auto& [key, value] : object->items) {
            if (key == "name" && std::holds_alternative<std::string>(value.data))
                site.function = std::get<std::string>(value.data);
            else if (key == "arguments" && value.list() != nullptr)
                for (const Value& argument : value.list()->items)
                    site.arguments.push_back(term(argument, depth + 1, false));
            else
                throw ExpressionFault("'function' takes a name, which is a text, and arguments, "
                                      "which are an array: not " +
                                      quoted(key));
        }
        if (site.function.empty())
            throw ExpressionFault("'function' has no name");
        if (use_ == Use::filter)
            misplace("the function " + quoted(site.function) + " is called in a filter");
        tree_.functions.push_back(site.function);
        tree_.sites.push_back(std::move(site));
        return {Term::Called{tree_.sites.size() - 1}};
    }

    Use use_;
    Tree tree_;
    std::size_t nodes_ = 0;
    std::optional<std::string> misplaced_;
};

} // namespace

Tree read(const model::Value& json, Use use) { return Reader(use).read(json); }

} // namespace realmsync::rules
